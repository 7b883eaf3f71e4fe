/** Segments of trunks and branches: each made once, kept in a folder, taken up again where it was stopped. */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { hasCheckpoint, loadSummary } from "../../checkpoint/index.ts";
import { type Config, cooldownOf } from "../../configuration/index.ts";
import { UserError } from "../../errors.ts";
import { fileExists, type LockedFolder, readJson, writeJson } from "../../formats/index.ts";
import { required } from "../../required.ts";
import type { Device } from "../../runtime/index.ts";
import type { Corpus } from "../../text/index.ts";
import { lockRun, openRun } from "../../training/index.ts";
import { DivergenceError, type Run } from "../../training/portable.ts";
import { type Document, documentLosses } from "./documents.ts";
import { type Branch, type FrontierPlan, type Track, trunkConfig } from "./plan.ts";

/** One point of a track: a branch, by the rates of the segments before it and a seed. */
export interface Place {
  readonly track: Track;
  /** Index of the branch. */
  readonly index: number;
  /** The learning rates of the segments up to the branch. */
  readonly rates: readonly number[];
  readonly seed: number;
}

/** What the work of a place needs. */
export interface Workplace {
  readonly plan: FrontierPlan;
  readonly corpus: Corpus;
  readonly documents: readonly Document[];
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly maker?: Maker | undefined;
}

const makerSchema = z.strictObject({ date: z.string(), machine: z.string(), software: z.string() });

/** Who made a part, as a report tells it: the day, the machine, and the version of this package with its commit. */
export type Maker = z.infer<typeof makerSchema>;

const workSchema = z.strictObject({
  steps: z.number(),
  tokens: z.number(),
  flops: z.number(),
  seconds: z.number(),
  /** The losses of the held-out documents; none of a segment of a trunk. */
  documents: z.array(z.strictObject({ loss: z.number(), tokens: z.number() })),
  /** Why it ended before its time: what the loss became. */
  diverged: z.string().exactOptional(),
  /** Missing in what earlier versions made. */
  maker: makerSchema.exactOptional(),
});

/** What a segment or a branch came to. Its spendings are counted from the beginning of the run. */
export type Work = z.infer<typeof workSchema>;

/** The result of a branch or a segment that is done, or undefined. */
export async function resultIn(directory: string): Promise<Work | undefined> {
  const file = join(directory, "result.json");
  if (!(await fileExists(file))) return undefined;
  const parsed = workSchema.safeParse(await readJson(file));
  if (parsed.success) return parsed.data;
  throw new UserError(`${file}: is not the result of a run; remove the folder, and the run is made again`);
}

/**
 * The result of a segment that is done, and that a branch or the next segment can start from; or that diverged. Undefined where its
 * weights were removed, as those of a trunk are once nothing is to start from it any more.
 */
export async function segmentIn(directory: string): Promise<Work | undefined> {
  const work = await resultIn(directory);
  if (work?.diverged !== undefined || (await fileExists(join(directory, "model.safetensors")))) return work;
  return undefined;
}

/** What is made at a place: the segment of a trunk, or the branch that cools it down. */
export type Part = "trunk" | "branch";

/** The folder of a segment or of a branch. */
export function folderOf({ directory }: Pick<Workplace, "directory">, kind: Part, place: Place): string {
  const { track, index, rates, seed } = place;
  const name = `seed-${seed}-rate-${rates.slice(0, index + 1).join("-")}-${kind}`;
  return join(directory, "runs", track.id.replaceAll("/", "-"), name);
}

/** A result, and whether it was made now. */
export interface MadeWork {
  readonly work: Work;
  readonly made: boolean;
}

/**
 * Makes a branch, once its segment of the trunk is there, and removes the weights that nothing will start from any more. Undefined if
 * it was interrupted.
 * @throws FolderTakenError where another process is making it
 */
export async function makeBranch(place: Place, site: Workplace, device: Device): Promise<MadeWork | undefined> {
  const from = folderOf(site, "trunk", place);
  const { cooldownSteps, spentBefore } = branchOf(place);
  const directory = folderOf(site, "branch", place);
  const outcome = await takenOnce(directory, resultIn, async (folder) => {
    const { config, state, progress } = await loadSummary(from);
    const start = {
      trunk: config,
      step: state.step,
      rewarm: state.rewarm,
      growthsDone: progress.growthsDone,
      where: from,
    };
    const cooled = cooldownOf(config, start, { updates: cooldownSteps });
    const work = await trained({ folder, from, config: cooled, documents: site.documents }, site, device);
    return work && { ...work, flops: work.flops + spentBefore };
  });
  if (outcome !== undefined) await forgetWeights(site, place, "branch", outcome.work);
  return outcome;
}

/** Makes a segment of a trunk, once the one before is there. As `makeBranch`. */
export async function makeSegment(place: Place, site: Workplace, device: Device): Promise<MadeWork | undefined> {
  const { track, index, rates, seed } = place;
  const from = index === 0 ? undefined : folderOf(site, "trunk", { ...place, index: index - 1 });
  const directory = folderOf(site, "trunk", place);
  // Another process may have made its branch and removed its weights while this one waited: then no more is needed of it. One that is
  // not the last of its trunk is needed for its weights, which are gone where it was the last before arms were added.
  const find = async () => (await segmentIn(directory)) ?? (isLast(place) ? resultOfSpent(place, site) : undefined);
  const outcome = await takenOnce(directory, find, async (folder) => {
    if ((await resultIn(directory)) !== undefined) await forgetSegment(directory);
    const whole = trunkConfig(site.plan, track, index, rates, seed);
    const config = from === undefined ? whole : { ...whole, model: (await loadSummary(from)).config.model };
    return trained({ folder, from, config, documents: [] }, site, device);
  });
  if (outcome !== undefined) await forgetWeights(site, place, "trunk", outcome.work);
  return outcome;
}

export function branchOf({ track, index }: Pick<Place, "track" | "index">): Branch {
  return required(new Map(track.branches.entries()), index);
}

const isLast = ({ track, index }: Place): boolean => index === track.branches.length - 1;

/** The result of a segment whose branch is there, or undefined. */
async function resultOfSpent(place: Place, site: Workplace): Promise<Work | undefined> {
  const branch = await resultIn(folderOf(site, "branch", place));
  return branch && resultIn(folderOf(site, "trunk", place));
}

/** Weights that no branch or segment will start from any more, as this part of a place is there, are removed. */
export async function forgetWeights(site: Workplace, place: Place, made: Part, { diverged }: Work): Promise<void> {
  if (made === "branch") await forget(folderOf(site, "branch", place));
  if (made === "branch" ? isLast(place) : diverged !== undefined) await forget(folderOf(site, "trunk", place));
}

async function forget(directory: string): Promise<void> {
  for (const file of ["model.safetensors", "optimizer.safetensors"]) await rm(join(directory, file), { force: true });
}

/** The files of a segment without its weights. The result is removed last: until then it is known for what it is. */
const SEGMENT_FILES = [
  ...["config.json", "training.json", "metrics.jsonl", "tokenizer.json", "optimizer.safetensors"],
  "result.json",
];

/** Removes what is in the way of a segment that is made anew. */
async function forgetSegment(directory: string): Promise<void> {
  for (const file of SEGMENT_FILES) await rm(join(directory, file), { force: true });
}

/** What is made in a folder once, whichever process is the first. */
async function takenOnce(
  directory: string,
  find: (directory: string) => Promise<Work | undefined>,
  make: (folder: LockedFolder) => Promise<Work | undefined>,
): Promise<MadeWork | undefined> {
  const folder = await lockRun(directory);
  try {
    // Another process may have made it since it was looked for.
    const existing = await find(directory);
    if (existing !== undefined) return { work: existing, made: false };
    const work = await make(folder);
    if (work === undefined) return undefined;
    await writeJson(join(directory, "result.json"), work);
    return { work, made: true };
  } finally {
    await folder.release();
  }
}

interface Job {
  readonly folder: LockedFolder;
  readonly from: string | undefined;
  readonly config: Config;
  /** The documents on which it is measured at its end. */
  readonly documents: readonly Document[];
}

/** Trains to the end, and measures. Undefined if it was interrupted. */
async function trained(job: Job, site: Workplace, device: Device): Promise<Work | undefined> {
  const { plan, corpus, signal, maker } = site;
  const { folder, from, config, documents } = job;
  const resume = await hasCheckpoint(folder.directory);
  const run = await openRun({ config, data: corpus, out: folder, resume, device, from: resume ? undefined : from });
  try {
    for await (const event of run.events(signal)) if (event.type === "end" && event.interrupted) return undefined;
    const { context } = plan.study.model;
    const options = { context, tokens: plan.study.heldOutTokens };
    const losses = await documentLosses(run.trainer.inference, corpus.validation, documents, options);
    return { ...spentBy(run), documents: losses, ...(maker && { maker }) };
  } catch (error) {
    if (error instanceof DivergenceError)
      return { ...spentBy(run), documents: [], diverged: error.message, ...(maker && { maker }) };
    throw error;
  } finally {
    await run.close();
  }
}

function spentBy({ trainer, progress }: Run): Omit<Work, "documents"> {
  const { tokens, flops, seconds } = progress;
  return { steps: trainer.step, tokens, flops, seconds };
}
