/** The files that a checkpoint is written as. */

import type { z } from "zod";
import { configSchema, FORMAT_VERSION } from "../configuration/index.ts";
import {
  contentBytes,
  type FileContents,
  formatJson,
  type LazyTensor,
  type StoredTensor,
  safetensorsPieces,
} from "../formats/portable.ts";
import type { HostArray, ModelState } from "../growth/index.ts";
import { required } from "../required.ts";
import { SETTINGS } from "../text/portable.ts";
import { type Checkpoint, type CheckpointSummary, OPTIMIZER, type trainingFileSchema } from "./checkpoint-schema.ts";

/** What makes the contents of files, by their names. A file's own path is for messages. */
export type CheckpointContents = Readonly<Record<string, (path: string) => FileContents>>;

/** All files of a checkpoint. */
export function checkpointContents(checkpoint: Checkpoint): CheckpointContents {
  const { state, part } = checkpoint;
  const learning = part?.parameters ?? [...state.parameters.keys()];
  return {
    ...summaryContents(checkpoint, state.parameters),
    [OPTIMIZER]: (path) => safetensorsPieces(momentTensors(state, learning), path),
  };
}

/**
 * A checkpoint as the bytes of its files, by their names: what `saveCheckpoint` writes, for where there is no file system.
 * `parseCheckpoint` reads them.
 */
export async function checkpointFiles(checkpoint: Checkpoint): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const [name, contents] of Object.entries(checkpointContents(checkpoint))) {
    files.set(name, await contentBytes(contents(name)));
  }
  return files;
}

/** The files of a checkpoint but for the optimiser's. */
export function summaryContents(
  { state, tokenizer, progress, dataName, data, content, part, ...checkpoint }: CheckpointSummary,
  tensors: Iterable<readonly [string, StoredTensor | LazyTensor]>,
): CheckpointContents {
  // In the order of the schema, which is that of a run that goes on from the file: it writes the same bytes.
  const config = configSchema.parse({ ...checkpoint.config, model: state.config });
  const { step, updates, ramps, rewarm } = state;
  const training: z.input<typeof trainingFileSchema> = {
    formatVersion: FORMAT_VERSION,
    step,
    data: {
      name: dataName,
      ...(data !== undefined && { files: data }),
      ...(content !== undefined && { content }),
      seed: config.training.seed,
      nextStep: step,
    },
    updates,
    ...(part !== undefined && { part }),
    lineage: Object.fromEntries([...state.lineage].map(([site, generations]) => [site, [...generations]])),
    ramps: [...ramps],
    ...(rewarm !== undefined && { rewarm }),
    progress,
  };
  return {
    "config.json": () => formatJson(config),
    "model.safetensors": (path) => safetensorsPieces(tensors, path, { metadata: { format: "tokenformer" } }),
    ...(tokenizer !== undefined && { "tokenizer.json": () => formatJson(tokenizer.toJSON()) }),
    ...(tokenizer?.settings !== undefined && { [SETTINGS]: () => formatJson(tokenizer.settings?.json) }),
    "training.json": () => formatJson(training),
  };
}

function* momentTensors({ moments }: ModelState, names: Iterable<string>): Generator<readonly [string, StoredTensor]> {
  for (const name of moments === undefined ? [] : names) {
    yield [`first.${name}`, required(moments?.first ?? new Map<string, HostArray>(), name)];
    yield [`second.${name}`, required(moments?.second ?? new Map<string, HostArray>(), name)];
    const outer = moments?.outer?.get(name);
    if (outer !== undefined) yield [`outer.${name}`, outer];
  }
}
