/** Checkpoints in folders. */

import { stat } from "node:fs/promises";
import type { Config } from "../configuration/index.ts";
import { EMBEDDED } from "../data/index.ts";
import { checkVocabulary, type DataSource } from "../data/portable.ts";
import { UserError } from "../errors.ts";
import {
  inEffect,
  type LazyTensor,
  openSnapshot,
  type Snapshot,
  type WritableFolder,
  withFolder,
  writersOf,
} from "../formats/index.ts";
import type { HostArray } from "../growth/index.ts";
import { readTokenizer, type Tokenizer } from "../text/index.ts";
import {
  openParametersIn,
  readCheckpoint,
  readConfig,
  readParametersIn,
  readPart,
  readSummary,
} from "./checkpoint-read.ts";
import { CHECKPOINT_FILES, type Checkpoint, type CheckpointSummary, OPTIMIZER } from "./checkpoint-schema.ts";
import type { OpenedTensors } from "./checkpoint-tensors.ts";
import { type CheckpointContents, checkpointContents, summaryContents } from "./checkpoint-write.ts";
import { linesOf, METRICS, type MetricRecord } from "./metric-records.ts";

/**
 * Writes a checkpoint. A crash at any instant leaves the one that was there, or the new one, whole.
 * @param place a folder, which is locked meanwhile, or one that is
 * @param records metrics to write with it. Default: those that are there stay
 * @throws UserError where another process has the folder, or it cannot be written
 */
export async function saveCheckpoint(
  place: string | WritableFolder,
  checkpoint: Checkpoint,
  records?: readonly MetricRecord[],
): Promise<void> {
  await commit(place, {
    ...checkpointContents(checkpoint),
    ...(records !== undefined && { [METRICS]: () => linesOf(records) }),
  });
}

/**
 * Writes a checkpoint that has no optimiser's state, with tensors that are read one by one as they are written. Throws as
 * `saveCheckpoint` does.
 */
export async function saveWeights(
  place: string | WritableFolder,
  checkpoint: CheckpointSummary,
  tensors: Iterable<readonly [string, LazyTensor]>,
): Promise<void> {
  await commit(place, summaryContents(checkpoint, tensors));
}

async function commit(place: string | WritableFolder, contents: CheckpointContents): Promise<void> {
  const files = writersOf(contents);
  if (typeof place === "string") await withFolder(place, (folder) => folder.commit(files));
  else await place.commit(files);
}

/** A checkpoint whose files are open: all of one commit, though a run goes on to save others. Close it after use. */
export interface OpenedCheckpoint {
  readonly directory: string;
  /** The checkpoint without its weights and the optimiser's state. */
  readonly summary: CheckpointSummary;
  /** Which checkpoint of the folder it is: another one for each that is saved. */
  readonly version: string;
  /** The whole checkpoint. One without an optimiser's state begins anew with zero moments. */
  load(): Promise<Checkpoint>;
  /** The weights, one tensor in memory at a time. Throws before the first one where names or shapes are wrong. */
  parameters(): AsyncGenerator<readonly [string, HostArray]>;
  /** The weights, to be read by name. */
  openParameters(): Promise<OpenedTensors>;
  close(): Promise<void>;
}

/**
 * Opens a checkpoint; other processes may save to its folder meanwhile.
 * @throws UserError naming the file, and the tensor, that is missing, damaged, of another shape or of a newer version; so do
 * the methods of what is opened
 */
export async function openCheckpoint(directory: string): Promise<OpenedCheckpoint> {
  const files = await openSnapshot(directory, CHECKPOINT_FILES);
  try {
    const summary = await readSummary(files);
    const model = summary.state.config;
    return {
      directory,
      summary,
      version: files.version,
      load: () => readCheckpoint(files),
      parameters: () => readParametersIn(files, model),
      openParameters: () => openParametersIn(files, model),
      close: () => files.close(),
    };
  } catch (error) {
    await files.close();
    throw error;
  }
}

/** Reads a checkpoint, all of it. Throws a `UserError` as `openCheckpoint` does. */
export async function loadCheckpoint(directory: string): Promise<Checkpoint> {
  return withFiles(directory, readCheckpoint);
}

/**
 * The checkpoint of a run of which a part learns, whose folder has the parameters of that part alone. Throws a `UserError` as
 * `openCheckpoint` does.
 */
export async function loadPart(directory: string): Promise<Checkpoint> {
  return withFiles(directory, readPart);
}

/** All of a checkpoint but its weights and the optimiser's state. Throws a `UserError` as `openCheckpoint` does. */
export async function loadSummary(directory: string): Promise<CheckpointSummary> {
  return withFiles(directory, readSummary);
}

/** The configuration of a checkpoint. Throws a `UserError` as `openCheckpoint` does. */
export async function loadConfig(directory: string): Promise<Config> {
  return withFiles(directory, readConfig);
}

async function withFiles<Result>(directory: string, read: (files: Snapshot) => Promise<Result>): Promise<Result> {
  const files = await openSnapshot(directory, CHECKPOINT_FILES);
  try {
    return await read(files);
  } finally {
    await files.close();
  }
}

/** Whether a directory holds a checkpoint. */
export async function hasCheckpoint(directory: string): Promise<boolean> {
  return (await inEffect(directory, "config.json", stat)) !== undefined;
}

/** Which checkpoint a directory holds: another version for each that is saved, `undefined` where there is none. Its contents are not looked at. */
export async function checkpointVersion(directory: string): Promise<string | undefined> {
  return withFiles(directory, async (files) => (files.has("config.json") ? files.version : undefined));
}

/**
 * Whether a directory has the file of the optimiser's state. A checkpoint that was saved without moments has one that is empty; copies of
 * the weights alone, and models from elsewhere, have none.
 */
export async function hasOptimizerFile(directory: string): Promise<boolean> {
  return (await inEffect(directory, OPTIMIZER, stat)) !== undefined;
}

/**
 * The tokenizer that text needs: the one named, else the checkpoint's own.
 * @param where the checkpoint, for messages
 * @param named a tokenizer.json
 * @throws UserError where there is none, or it has tokens beyond the model's vocabulary
 */
export async function chosenTokenizer(
  { state, tokenizer }: CheckpointSummary,
  where: string,
  named: string | undefined,
): Promise<Tokenizer> {
  const chosen = named === undefined ? tokenizer : await readTokenizer(named);
  if (chosen === undefined) {
    throw new UserError(
      `${where}: has no tokenizer, which turns text into the model's tokens; name one with --tokenizer FILE.json`,
    );
  }
  checkVocabulary(chosen, state.config, named ?? where);
  return chosen;
}

/** The data to use: what was named, else what the checkpoint was trained on, else the embedded text. */
export function dataOf(
  named: DataSource | undefined,
  { data, dataName }: Pick<CheckpointSummary, "data" | "dataName">,
): DataSource {
  return named ?? data ?? (dataName === "" ? EMBEDDED : dataName);
}
