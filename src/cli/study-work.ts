/** What the studies of the command line share: their options, text, folder and devices. */

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Command } from "commander";
import { type Ranks, requireSame, together } from "../cluster/index.ts";
import { EMBEDDED, openCorpus } from "../data/index.ts";
import { UserError } from "../errors.ts";
import { fileExists, LockedFolder, readJson, writeJson } from "../formats/index.ts";
import { allOrNothing, settled } from "../freeing.ts";
import { formatDuration } from "../lab/report/format.ts";
import { type Device, type DeviceName, openDevice } from "../runtime/index.ts";
import { type Corpus, closeCorpus } from "../text/index.ts";
import { factsOfData, factsOfKeys, requireSameOptions } from "../training/index.ts";
import { noteData } from "./data-notes.ts";
import { deviceOption } from "./device-option.ts";
import { wholeOption } from "./numbers.ts";
import { dataOption, validationOption } from "./open.ts";
import { note, print, printJson } from "./output.ts";
import { type RankOptions, rankOptions, sharesOf, withRanks } from "./ranks.ts";
import { dataListOption, namedData } from "./text-input.ts";

export interface StudyWorkOptions extends RankOptions {
  readonly data?: string[];
  readonly dataList?: string;
  readonly validation?: string[];
  readonly out?: string;
  readonly device: DeviceName;
  readonly parallel?: number;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/**
 * Adds the options of `StudyWorkOptions`.
 * @param text what a study is on that is given none. Default: the embedded one
 */
export function withStudyOptions(command: Command, text?: string): Command {
  command
    .addOption(dataOption(text))
    .addOption(dataListOption())
    .addOption(validationOption())
    .option("--out <folder>", "where runs, results and the report go; the same folder goes on where it was stopped")
    .addOption(deviceOption())
    .option("--parallel <n>", "runs at a time; default: one for each core on the cpu", wholeOption("--parallel", 1))
    .option("--dry-run", "print the plan and its cost, with --out also what is left of it there, and do nothing", false)
    .option("--json", "print the plan, or the results, as JSON", false);
  for (const option of rankOptions()) command.addOption(option);
  return command;
}

/** Plans a study on its text, which is closed where the plan is refused. */
export async function plannedOn<Plan>(
  options: StudyWorkOptions,
  tokenizer: string,
  planFor: (corpus: Corpus) => Plan,
): Promise<Planned<Plan>> {
  return allOrNothing(async (onFailure) => {
    const corpus = await studyCorpus(options, tokenizer);
    onFailure(() => closeCorpus(corpus));
    return { plan: planFor(corpus), corpus };
  });
}

/** The text of a study. Throws a `UserError` where there is no folder for it either. */
async function studyCorpus(options: StudyWorkOptions, tokenizer: string): Promise<Corpus> {
  const { out, dryRun, validation } = options;
  if (out === undefined && !dryRun) {
    throw new UserError("study: needs --out, a folder for its runs and report; or --dry-run to see the plan alone");
  }
  const train = (await namedData(options)) ?? [EMBEDDED];
  const data = { train, ...(validation !== undefined && { validation }) };
  await noteData(data);
  return openCorpus(data, tokenizer);
}

/** A study with the vocabulary of its models: its own, or the tokenizer's. Throws a `UserError` for one that is too small. */
export function withVocabulary<Study extends { readonly model: { readonly vocabulary?: number | undefined } }>(
  study: Study,
  { tokenizer, name }: Corpus,
): Study & { readonly model: Study["model"] & { readonly vocabulary: number } } {
  const vocabulary = study.model.vocabulary ?? tokenizer.vocabularySize;
  if (vocabulary >= tokenizer.vocabularySize) return { ...study, model: { ...study.model, vocabulary } };
  throw new UserError(
    `model.vocabulary is ${vocabulary}, but the tokenizer of ${name} has ${tokenizer.vocabularySize} tokens; leave it out, or raise it`,
  );
}

/** A study that was planned, and the text that it is on. */
export interface Planned<Plan> {
  readonly plan: Plan;
  readonly corpus: Corpus;
}

/** What sets one kind of study apart from another. */
export interface StudyKind<Plan> {
  /** The name of the file in a folder that says which study it holds. */
  readonly note: string;
  planned(): Promise<Planned<Plan>>;
  /** Notes in the folder which study it holds. Throws a `UserError` where it holds another. */
  claim(out: string, planned: Planned<Plan>): Promise<void>;
  work(planned: Planned<Plan>, ranks: Ranks | undefined): Promise<void>;
}

/**
 * Plans a study on all ranks, which have to come to the same, and has them do its work: in its folder, which they take, or for a dry run
 * without taking it. Then its text is closed.
 */
export async function workOnStudy<Plan extends { readonly study: object }>(
  options: StudyWorkOptions,
  { note: name, planned, claim, work }: StudyKind<Plan>,
): Promise<void> {
  const { out, dryRun } = options;
  await withRanks(options, async (ranks) => {
    if (ranks !== undefined) await requireSameOptions(ranks.communicator, { out, dryRun });
    const study = await together(ranks?.communicator, planned);
    try {
      if (ranks !== undefined) await requireSameStudy(study, ranks);
      if (out === undefined) return await work(study, ranks);
      if (dryRun) {
        // What is left is counted in a folder, which must be the study's own; one that has none yet stays as it is.
        if (await fileExists(join(out, name))) await claim(out, study);
        return await work(study, ranks);
      }
      await inStudyFolder(
        out,
        ranks,
        () => claim(out, study),
        () => work(study, ranks),
      );
    } finally {
      closeCorpus(study.corpus);
    }
  });
}

async function requireSameStudy(
  { plan, corpus }: Planned<{ readonly study: object }>,
  { communicator }: Ranks,
): Promise<void> {
  // The data may lie nearer to one rank than to another, and it is read whole.
  const facts = await communicator.apart(async () => ({
    ...factsOfKeys(plan.study),
    ...(await factsOfData(corpus)),
  }));
  await requireSame(communicator, facts);
}

/** Says where the report is of what was done, and how to go on where that is not all. */
export function concludeStudy(
  results: unknown,
  {
    interrupted,
    startedAt,
    report,
    json,
  }: { readonly interrupted: boolean; readonly startedAt: number; readonly report: string; readonly json: boolean },
): void {
  if (json) printJson(results);
  if (interrupted) {
    note(`stopped; the same command goes on. What is done so far: ${report}`);
    return;
  }
  note(`done in ${formatDuration((performance.now() - startedAt) / 1000)}`);
  if (!json) print(`report: ${report}`);
}

/** Does the work of all ranks with the folder of a study, which rank 0 has locked and claimed; the others take runs from it too. */
async function inStudyFolder(
  out: string,
  ranks: Ranks | undefined,
  claim: () => Promise<void>,
  work: () => Promise<void>,
): Promise<void> {
  const folder = await together(ranks?.communicator, async () => {
    if (ranks !== undefined && ranks.communicator.rank > 0) return undefined;
    const taken = await LockedFolder.take(out);
    await claim().catch(async (error: unknown) => {
      await taken.release();
      throw error;
    });
    return taken;
  });
  try {
    await together(ranks?.communicator, work);
  } finally {
    await folder?.release();
  }
}

/**
 * Notes in the folder which study it holds.
 * @param noteOf what makes a study another one, of the note that is there; undefined where it is no note of such a study
 * @throws UserError if the folder holds another study
 */
export async function claimFolder(
  file: string,
  out: string,
  own: unknown,
  noteOf: (noted: unknown) => unknown,
): Promise<void> {
  if (!(await fileExists(file))) return writeJson(file, own);
  if (isDeepStrictEqual(noteOf(await readJson(file)), own)) return;
  throw new UserError(
    `${out}: holds another study (see ${file}); go on with its own options, or choose another folder`,
  );
}

/** The devices of a study: on the CPU one a core, with which small models are fastest, unless the user says how many. */
export async function openDevices(
  { device, parallel }: Pick<StudyWorkOptions, "device" | "parallel">,
  ranks: Ranks | undefined,
): Promise<[Device, ...Device[]]> {
  const cores = sharesOf(ranks, device).threads ?? availableParallelism();
  const count = parallel ?? (device === "cpu" ? cores : 1);
  const threads = Math.max(1, Math.floor(cores / count));
  return allOrNothing(async (onFailure) => {
    const open = async () => {
      const opened = await openDevice(device, { threads });
      onFailure(() => opened.close());
      return opened;
    };
    return [await open(), ...(await settled(Array.from({ length: count - 1 }, open)))];
  });
}

/** The command as a user types it. */
export function commandLine([, , ...words]: readonly string[] = process.argv): string {
  const quoted = words.map((word) => (/^[\w./:=,@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`));
  return `npx tokenformer ${quoted.join(" ")}`;
}
