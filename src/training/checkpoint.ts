/**
 * Checkpoints: a directory with everything that a run needs to go on.
 *
 * - `config.json`: model, training, tokenizer and growth plans
 * - `model.safetensors`: the parameters
 * - `optimizer.safetensors`: Adam's moments, `first.<parameter>` and `second.<parameter>`
 * - `tokenizer.json`
 * - `training.json`: the step, the lineage of the parameter tokens, ramps, and what has been measured
 */

import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../errors.ts";
import {
  commitFiles,
  committedFile,
  fileExists,
  openSafetensors,
  readJson,
  type StoredTensor,
  writeJson,
  writeSafetensors,
} from "../formats/index.ts";
import type { HostArray, ModelState } from "../growth/index.ts";
import { type Complete, type ModelConfig, parametersOf, sites } from "../model/index.ts";
import { required } from "../required.ts";
import { readTokenizer, type Tokenizer } from "../text/index.ts";
import { type Config, configSchema, FORMAT_VERSION } from "./config.ts";

const natural = z.int().nonnegative();

const progressSchema = z.strictObject({
  /** The step that the run began at: 0, or that of the checkpoint that it started from. */
  start: natural.default(0),
  /** Tokens, floating-point operations and seconds of training so far. */
  tokens: natural,
  flops: z.number().nonnegative(),
  seconds: z.number().nonnegative(),
  /** How many of the configuration's growth plans have been applied. */
  growthsDone: natural,
  /** The lowest validation loss, and the step at which it was measured. */
  best: z.strictObject({ step: natural, validationLoss: z.number() }).optional(),
});

/** What a run has done so far, beside its state. */
export type Progress = z.infer<typeof progressSchema>;

const trainingFileSchema = z.strictObject({
  formatVersion: z.literal(FORMAT_VERSION),
  step: natural,
  /** Where the data goes on: batches are drawn from the seed and the step alone. */
  data: z.strictObject({ name: z.string(), seed: natural, nextStep: natural }),
  updates: natural,
  lineage: z.record(
    z.string(),
    z.array(
      z.strictObject({
        tokens: z.int().positive(),
        born: natural,
        init: z.string(),
        updates: natural,
        frozenUntil: natural,
      }),
    ),
  ),
  ramps: z.array(
    z.strictObject({ site: z.string(), from: z.number(), to: z.number(), start: natural, steps: z.int().positive() }),
  ),
  rewarm: z.strictObject({ start: natural, steps: natural }).optional(),
  progress: progressSchema,
});

export interface Checkpoint {
  readonly config: Config;
  readonly state: ModelState;
  readonly tokenizer: Tokenizer;
  /** The text that it was trained on: the path of a file, or a name. */
  readonly dataName: string;
  readonly progress: Progress;
}

/** Writes a checkpoint. A crash at any instant leaves the one that was there, or the new one, whole. */
export async function saveCheckpoint(directory: string, checkpoint: Checkpoint): Promise<void> {
  const { state, tokenizer, progress, dataName } = checkpoint;
  const config: Config = { ...checkpoint.config, model: state.config };
  const { step, updates, ramps, rewarm } = state;
  const training: z.input<typeof trainingFileSchema> = {
    formatVersion: FORMAT_VERSION,
    step,
    data: { name: dataName, seed: config.training.seed, nextStep: step },
    updates,
    lineage: Object.fromEntries([...state.lineage].map(([site, generations]) => [site, [...generations]])),
    ramps: [...ramps],
    ...(rewarm !== undefined && { rewarm }),
    progress,
  };
  await commitFiles(directory, {
    "config.json": (path) => writeJson(path, config),
    "model.safetensors": (path) => writeSafetensors(path, state.parameters, { metadata: { format: "tokenformer" } }),
    "optimizer.safetensors": (path) => writeSafetensors(path, momentTensors(state)),
    "tokenizer.json": (path) => writeJson(path, tokenizer.toJSON()),
    "training.json": (path) => writeJson(path, training),
  });
}

/**
 * Reads a checkpoint.
 * @throws UserError naming the file, and the tensor, that is missing, damaged, of another shape or of a newer version
 */
export async function loadCheckpoint(directory: string): Promise<Checkpoint> {
  const read = async (name: string) => committedFile(directory, name);
  const config = await loadConfig(directory);
  const training = await readVersioned(await read("training.json"), trainingFileSchema);
  const tokenizer = await readTokenizer(await read("tokenizer.json"));
  const model = completed(config.model, tokenizer, join(directory, "config.json"));
  const shapes = new Map(parametersOf(model).map(({ name, size }) => [name, size]));
  const parameters = await readTensors(await read("model.safetensors"), shapes);
  const lineage = new Map(Object.entries(training.lineage));
  checkLineage(model, lineage, join(directory, "training.json"));
  const { step, updates, ramps, rewarm, progress } = training;
  const moments = await readMoments(await read("optimizer.safetensors"), shapes);
  const state: ModelState = { config: model, step, parameters, moments, updates, lineage, ramps, rewarm };
  return { config, state, tokenizer, progress, dataName: training.data.name };
}

/** The configuration of a checkpoint. Throws a `UserError` as `loadCheckpoint` does. */
export async function loadConfig(directory: string): Promise<Config> {
  return readVersioned(await committedFile(directory, "config.json"), configSchema);
}

/** The name of the text that a checkpoint was trained on. Throws a `UserError` as `loadCheckpoint` does. */
export async function loadDataName(directory: string): Promise<string> {
  const { data } = await readVersioned(await committedFile(directory, "training.json"), trainingFileSchema);
  return data.name;
}

/** Whether a directory holds a checkpoint. */
export async function hasCheckpoint(directory: string): Promise<boolean> {
  return fileExists(await committedFile(directory, "config.json"));
}

/** A model's configuration with the vocabulary of its tokenizer where it has none of its own. */
export function completed(model: ModelConfig, tokenizer: Tokenizer, where: string): Complete {
  const vocabulary = model.vocabulary ?? tokenizer.vocabularySize;
  if (vocabulary < tokenizer.vocabularySize) {
    throw new UserError(
      `${where}: model.vocabulary is ${vocabulary}, but the tokenizer has ${tokenizer.vocabularySize} tokens; leave it out or raise it`,
    );
  }
  return { ...model, vocabulary };
}

/** As `readJson`, but a newer version is told from a damaged file. */
async function readVersioned<Value>(file: string, schema: z.ZodType<Value>): Promise<Value> {
  const version = z.looseObject({ formatVersion: z.number() }).safeParse(await readJson(file));
  if (version.success && version.data.formatVersion > FORMAT_VERSION) {
    throw new UserError(
      `${file}: has format version ${version.data.formatVersion}, this program reads up to ${FORMAT_VERSION}; install a newer tokenformer`,
    );
  }
  return readJson(file, schema);
}

function* momentTensors({ parameters, moments }: ModelState): Generator<readonly [string, StoredTensor]> {
  for (const name of moments === undefined ? [] : parameters.keys()) {
    yield [`first.${name}`, required(moments?.first ?? new Map<string, HostArray>(), name)];
    yield [`second.${name}`, required(moments?.second ?? new Map<string, HostArray>(), name)];
  }
}

/** All tensors of a file, which must be float32 of the expected names and shapes. */
async function readTensors(
  file: string,
  shapes: ReadonlyMap<string, readonly number[]>,
): Promise<Map<string, HostArray>> {
  const stored = await openSafetensors(file);
  try {
    for (const name of stored.entries.keys()) {
      if (!shapes.has(name))
        throw new UserError(`${file}: holds a tensor "${name}" that the model of config.json does not have`);
    }
    const tensors = new Map<string, HostArray>();
    for (const [name, shape] of shapes) {
      const entry = stored.entries.get(name);
      if (entry === undefined)
        throw new UserError(`${file}: the tensor "${name}" is missing, expected float32 [${shape.join(", ")}]`);
      if (entry.shape.length !== shape.length || entry.shape.some((n, axis) => n !== shape[axis])) {
        throw new UserError(
          `${file}: the tensor "${name}" is [${entry.shape.join(", ")}], expected [${shape.join(", ")}] by config.json; restore the files of one checkpoint`,
        );
      }
      const { data } = await stored.read(name);
      if (!(data instanceof Float32Array))
        throw new UserError(`${file}: the tensor "${name}" is ${entry.dtype}, expected F32`);
      tensors.set(name, { shape, data });
    }
    return tensors;
  } finally {
    await stored.close();
  }
}

async function readMoments(
  file: string,
  shapes: ReadonlyMap<string, readonly number[]>,
): Promise<ModelState["moments"]> {
  const empty = await openSafetensors(file);
  await empty.close();
  if (empty.entries.size === 0) return undefined;
  const both = new Map(
    [...shapes].flatMap(([name, shape]) => [
      [`first.${name}`, shape],
      [`second.${name}`, shape],
    ]),
  );
  const tensors = await readTensors(file, both);
  const part = (prefix: string) =>
    new Map([...shapes.keys()].map((name) => [name, required(tensors, `${prefix}.${name}`)]));
  return { first: part("first"), second: part("second") };
}

function checkLineage(model: Complete, lineage: ModelState["lineage"], file: string): void {
  for (const { path, tokens } of sites(model)) {
    const born = lineage.get(path)?.reduce((sum, generation) => sum + generation.tokens, 0);
    if (born !== tokens) {
      throw new UserError(
        `${file}: the lineage of ${path} has ${born ?? 0} tokens, config.json has ${tokens}; restore the files of one checkpoint`,
      );
    }
  }
}
