/** Checkpoints in folders. */

import { join } from "node:path";
import { UserError } from "../errors.ts";
import {
  commitFiles,
  committedFile,
  fileExists,
  type LazyTensor,
  openFile,
  writeFileAtomic,
} from "../formats/index.ts";
import type { HostArray } from "../growth/index.ts";
import type { Complete } from "../model/index.ts";
import { readTokenizer, type Tokenizer } from "../text/index.ts";
import {
  type CheckpointFolder,
  openParametersIn,
  readCheckpoint,
  readConfig,
  readParametersIn,
  readSummary,
} from "./checkpoint-read.ts";
import type { Checkpoint, CheckpointSummary } from "./checkpoint-schema.ts";
import type { OpenedTensors } from "./checkpoint-tensors.ts";
import { type CheckpointContents, checkpointContents, summaryContents } from "./checkpoint-write.ts";
import type { Config } from "./config.ts";
import { checkVocabulary } from "./vocabulary.ts";

/** Writes a checkpoint. A crash at any instant leaves the one that was there, or the new one, whole. */
export async function saveCheckpoint(directory: string, checkpoint: Checkpoint): Promise<void> {
  await commit(directory, checkpointContents(checkpoint));
}

/** Writes a checkpoint that has no optimiser's state, with tensors that are read one by one as they are written. */
export async function saveWeights(
  directory: string,
  checkpoint: CheckpointSummary,
  tensors: Iterable<readonly [string, LazyTensor]>,
): Promise<void> {
  await commit(directory, summaryContents(checkpoint, tensors));
}

async function commit(directory: string, contents: CheckpointContents): Promise<void> {
  const writers = Object.entries(contents).map(
    ([name, make]) => [name, (path: string) => writeFileAtomic(path, make(path))] as const,
  );
  await commitFiles(directory, Object.fromEntries(writers));
}

function folder(directory: string): CheckpointFolder {
  return {
    pathOf: (name) => join(directory, name),
    has: async (name) => fileExists(await committedFile(directory, name)),
    open: async (name) => openFile(await committedFile(directory, name)),
  };
}

/**
 * Reads a checkpoint. One without an optimiser's state begins anew with zero moments.
 * @throws UserError naming the file, and the tensor, that is missing, damaged, of another shape or of a newer version
 */
export async function loadCheckpoint(directory: string): Promise<Checkpoint> {
  return readCheckpoint(folder(directory));
}

/** All of a checkpoint but its weights and the optimiser's state. Throws a `UserError` as `loadCheckpoint` does. */
export async function loadSummary(directory: string): Promise<CheckpointSummary> {
  return readSummary(folder(directory));
}

/**
 * The weights of a checkpoint, one tensor in memory at a time.
 * @throws UserError as `loadCheckpoint` does, before the first tensor where names or shapes are wrong
 */
export function readParameters(directory: string, model: Complete): AsyncGenerator<readonly [string, HostArray]> {
  return readParametersIn(folder(directory), model);
}

/** Opens the weights of a checkpoint, to read them by name. Throws a `UserError` as `loadCheckpoint` does. */
export async function openParameters(directory: string, model: Complete): Promise<OpenedTensors> {
  return openParametersIn(folder(directory), model);
}

/** The configuration of a checkpoint. Throws a `UserError` as `loadCheckpoint` does. */
export async function loadConfig(directory: string): Promise<Config> {
  return readConfig(folder(directory));
}

/** Whether a directory holds a checkpoint. */
export async function hasCheckpoint(directory: string): Promise<boolean> {
  return folder(directory).has("config.json");
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
