/** Opening a checkpoint for reading: its model on a device, with its tokenizer. */

import { Option } from "commander";
import { chosenTokenizer, hasCheckpoint, hasOptimizerFile, loadCheckpoint } from "../checkpoint/index.ts";
import { type Checkpoint, type CheckpointSummary, withoutPart } from "../checkpoint/portable.ts";
import { type DataSource, dataFilesOf, EMBEDDED, embeddedNames, nearestBeside, openCorpus } from "../data/index.ts";
import { UserError } from "../errors.ts";
import { statIfPresent } from "../formats/index.ts";
import type { HostArray } from "../growth/index.ts";
import { Inference, uploadArrays } from "../inference/index.ts";
import { givenOf, modelOf, type QuantizationName, quantizationNames } from "../model/index.ts";
import { type DeviceName, openDevice } from "../runtime/index.ts";
import { type AttachedCheckpoint, openAttached } from "../skills/index.ts";
import { type Batch, type Corpus, closeCorpus, consecutiveBatches, type Tokenizer } from "../text/index.ts";
import { noteData } from "./data-notes.ts";
import { note } from "./output.ts";

export const tokenizerOption = () =>
  new Option("--tokenizer <file>", "a tokenizer.json for the text (default: that of the checkpoint)");

/** The option for what to train on. @param otherwise what is read where it is not given */
export const dataOption = (otherwise: string = EMBEDDED) =>
  new Option(
    "--data <files...>",
    `texts, token files .bin, folders of either, ${embeddedNames.join(" or ")} (default: ${otherwise})`,
  );

export const validationOption = () =>
  new Option("--validation <files...>", "what to hold out, instead of the last tenth of the data");

export const quantizeOption = () =>
  new Option("--quantize <bits>", "round the weights of matrix products to 8 or 4 bits (default: float32)").choices(
    quantizationNames,
  );

/** The option for skills to attach, each by its folder. */
export const withOption = () =>
  new Option("--with <skill>", "attach a skill, see `tokenformer adapt`; given again, several").argParser(collected);

export interface WithOptions {
  readonly with?: readonly string[];
}

/** The values of an option that may be given several times. */
export const collected = (value: string, previous: readonly string[] = []): readonly string[] => [...previous, value];

/** Opens a corpus, read as a run has read it or as it is, tells of its folders, and closes it after use. Throws a `UserError` as `openCorpus` does. */
export async function withCorpus<Result>(
  data: DataSource,
  tokenizer: Tokenizer,
  use: (corpus: Corpus) => Promise<Result> | Result,
): Promise<Result> {
  await noteData(data);
  const corpus = await openCorpus(data, tokenizer, { before: dataFilesOf(data) });
  try {
    return await use(corpus);
  } finally {
    closeCorpus(corpus);
  }
}

/** A checkpoint, with its folder and its weights. */
export interface OpenedRun extends CheckpointSummary {
  readonly directory: string;
  /** The weights, on disk or in memory, of the very checkpoint that the rest is of. */
  parameters(): Iterable<readonly [string, HostArray]> | AsyncIterable<readonly [string, HostArray]>;
  /** Frees what it has open, once or more often; `withModel` does so as soon as it has the weights. */
  close(): Promise<void>;
  readonly checkTokenizer: AttachedCheckpoint["checkTokenizer"];
}

/**
 * Reads all of a checkpoint but its weights, with skills where some are given, and closes it after use. Throws a `UserError` if the
 * folder holds none, or the skills belong to another.
 */
export async function withRun<Result>(
  directory: string,
  use: (run: OpenedRun) => Promise<Result>,
  { with: skills = [] }: WithOptions = {},
): Promise<Result> {
  if (!(await hasCheckpoint(directory))) throw await noCheckpoint(directory);
  const { summary, parameters, close, checkTokenizer } = await openAttached(directory, skills);
  notePatches(summary);
  try {
    return await use({ ...summary, directory, parameters, close, checkTokenizer });
  } finally {
    await close();
  }
}

/** Reads a checkpoint, all of it. Throws a `UserError` if the folder holds none. */
export async function checkpointOf(directory: string): Promise<Checkpoint & OpenedRun> {
  if (!(await hasCheckpoint(directory))) throw await noCheckpoint(directory);
  const checkpoint = withoutPart(await loadCheckpoint(directory));
  notePatches(checkpoint);
  const nothing = () => Promise.resolve();
  const parameters = () => checkpoint.state.parameters;
  return { ...checkpoint, directory, parameters, close: nothing, checkTokenizer: nothing };
}

/** The tokenizer of a checkpoint, or the one named. Throws a `UserError` as `chosenTokenizer` does, and where skills have another. */
export async function tokenizerOf(run: OpenedRun, named: string | undefined): Promise<Tokenizer> {
  const tokenizer = await chosenTokenizer(run, run.directory, named);
  await run.checkTokenizer(tokenizer, named ?? run.directory);
  return tokenizer;
}

/** Tells what made files of an older version readable. */
export function notePatches({ patches = [] }: CheckpointSummary): void {
  for (const patch of patches) note(`${patch} (from an older version)`);
}

/** What to tell of training that goes on from a checkpoint whose optimiser's state is not there, though it has made steps. */
export async function momentNotes(directory: string, { state: { step } }: CheckpointSummary): Promise<string[]> {
  if (step === 0 || (await hasOptimizerFile(directory))) return [];
  return [
    `${directory}: is at step ${step} and has no optimizer.safetensors, so Adam's moments start at zero; if it was lost, put it back before the run goes on`,
  ];
}

/** What to say of what is no folder with a checkpoint: which was meant, if one beside it has a near name. */
export async function noCheckpoint(directory: string): Promise<UserError> {
  const expected = "expected a folder with config.json and model.safetensors";
  const stats = await statIfPresent(directory);
  if (stats?.isFile()) return new UserError(`${directory}: is a file, ${expected}; name the folder of a run`);
  const near = await nearestBeside(directory);
  if (stats === undefined && near !== undefined && (await hasCheckpoint(near))) {
    return new UserError(`${directory}: there is no such folder, ${expected}; did you mean ${near}?`);
  }
  return new UserError(
    `${directory}: no checkpoint there, ${expected}; train one with: tokenformer train --out ${directory}`,
  );
}

/**
 * Runs `use` with the model of a checkpoint on a device, and closes the device. The weights go to the device one by one, so
 * that they are in memory once.
 */
export async function withModel<Result>(
  { state, parameters: weights, close }: OpenedRun,
  device: DeviceName,
  use: (inference: Inference) => Promise<Result>,
  quantize?: QuantizationName,
): Promise<Result> {
  const opened = await openDevice(device);
  try {
    const parameters = await uploadArrays(opened, weights());
    await close();
    return await use(new Inference(opened, modelOf(state.config), parameters, givenOf(state.config), quantize));
  } finally {
    await opened.close();
  }
}

/**
 * The beginning of a corpus's validation split, as long as that of the run's evaluations; at least one batch.
 * @throws UserError for a split without a token to predict
 */
export function validationOf({ validation, name }: Corpus, { state, config }: CheckpointSummary): [Batch, ...Batch[]] {
  const { context } = state.config;
  const maxTokens = config.training.evaluationTokens || Number.POSITIVE_INFINITY;
  const [first, ...others] = consecutiveBatches(validation, { context, maxTokens });
  if (first !== undefined) return [first, ...others];
  throw new UserError(`${name}: the validation split is too short, expected at least 2 tokens; give a longer text`);
}
