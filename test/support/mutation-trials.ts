/**
 * Reads damaged files of every format that the program reads, and finds the reads that do not end as they should.
 *
 *     const subjects = await mutationSubjects(folder);
 *     const finding = await tryMutation(subjects[number % subjects.length], { seed, number, folder });
 *
 * A trial is known by seed and number: it damages one file of a subject, reads it, and gives `undefined` where the read succeeds
 * or throws a `UserError` of one line, within the limits of processor time and memory (which hold where nothing else runs in the
 * process meanwhile). Otherwise it gives a finding, with the damaged file beside it. A read that never ends holds up the process:
 * a caller that cannot have that runs trials in one of its own, and watches it.
 */

import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Random } from "../../src/random.ts";
import { type FileKind, mutate } from "./mutations.ts";

/** Files that are read together, of which one is damaged at a time. */
export interface MutationSubject {
  readonly name: string;
  /** A folder with the files as they should be. */
  readonly folder: string;
  /** The files to damage, by their names in the folder. */
  readonly kinds: Readonly<Record<string, FileKind>>;
  /** Reads all that is in a copy of the folder. */
  read(folder: string): Promise<unknown>;
}

/** Writes the files of a subject into a folder. */
export type MakeSubject = (folder: string) => Promise<MutationSubject>;

export interface TrialOptions {
  readonly seed: number;
  /** Which of the seed's trials. */
  readonly number: number;
  /** A folder for copies, which the trial uses alone. */
  readonly folder: string;
  /** The most processor time and memory that a read may take. Default: 2 seconds, 300 MB. */
  readonly limits?: { readonly seconds: number; readonly megabytes: number };
}

/** A read that did not end as it should. */
export interface Finding {
  readonly subject: string;
  readonly seed: number;
  readonly number: number;
  /** What was wrong: `TypeError: …`, `took 3.1 s`. */
  readonly reason: string;
  /** The file as it was damaged. */
  readonly file: string;
}

const LIMITS = { seconds: 2, megabytes: 300 };

/** Damages a file of the subject, reads it, and tells what is wrong with how that ended. */
export async function tryMutation(subject: MutationSubject, options: TrialOptions): Promise<Finding | undefined> {
  const { seed, number, folder, limits = LIMITS } = options;
  const copy = join(folder, subject.name);
  await mkdir(folder, { recursive: true });
  if (!(await readdir(folder)).includes(subject.name)) await cp(subject.folder, copy, { recursive: true });
  const random = Random.from("mutation", seed, number);
  const names = Object.keys(subject.kinds);
  const name = names[random.integer(names.length)] ?? "";
  const original = await readFile(join(subject.folder, name));
  const damaged = mutate(original, subject.kinds[name] ?? "bytes", random);
  await writeFile(join(copy, name), damaged);
  const reason = await faultOf(() => subject.read(copy), limits);
  await writeFile(join(copy, name), original);
  if (reason === undefined) return;
  const file = join(folder, "findings", `${subject.name}-${seed}-${number}`, name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, damaged);
  return { subject: subject.name, seed, number, reason, file };
}

/** Removes the copies that trials made, where a subject's reads may have left something. */
export async function removeCopies(folder: string, subjects: readonly MutationSubject[]): Promise<void> {
  for (const { name } of subjects) await rm(join(folder, name), { recursive: true, force: true });
}

async function faultOf(read: () => Promise<unknown>, limits: typeof LIMITS): Promise<string | undefined> {
  const before = { cpu: process.cpuUsage(), peak: process.resourceUsage().maxRSS };
  let thrown: unknown;
  try {
    await read();
  } catch (error) {
    thrown = error ?? "nothing";
  }
  const { user, system } = process.cpuUsage(before.cpu);
  const seconds = (user + system) / 1e6;
  const megabytes = (process.resourceUsage().maxRSS - before.peak) / 1024;
  if (thrown !== undefined && !isForPeople(thrown))
    return thrown instanceof Error ? (thrown.stack ?? "") : String(thrown);
  if (seconds > limits.seconds) return `took ${seconds.toFixed(1)} s`;
  if (megabytes > limits.megabytes) return `took ${megabytes.toFixed(0)} MB`;
  return;
}

/** Whether an error is a message of one line, of a length that can be read. */
function isForPeople(error: unknown): boolean {
  return error instanceof Error && error.name === "UserError" && /^[^\n]{1,2000}$/u.test(error.message);
}
