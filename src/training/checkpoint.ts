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
  type LazyTensor,
  readJson,
  type StoredTensor,
  writeJson,
  writeSafetensors,
} from "../formats/index.ts";
import type { HostArray, ModelState } from "../growth/index.ts";
import { type Complete, type ModelConfig, parametersOf, sites } from "../model/index.ts";
import { required } from "../required.ts";
import { readTokenizer, type Tokenizer } from "../text/index.ts";
import { holdsNothing, type OpenedTensors, openTensors, readTensors } from "./checkpoint-tensors.ts";
import { type Config, configSchema, FORMAT_VERSION } from "./config.ts";
import { type DataFiles, dataFilesSchema } from "./data-files.ts";

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
  data: z.strictObject({
    name: z.string(),
    files: dataFilesSchema.optional(),
    seed: natural,
    nextStep: natural,
  }),
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

/** A checkpoint without its weights and the state of its optimiser. */
export interface CheckpointSummary {
  readonly config: Config;
  readonly state: Omit<ModelState, "parameters" | "moments">;
  /** Absent where a model came without one. */
  readonly tokenizer: Tokenizer | undefined;
  /** What to call the text that it was trained on; empty for a model from elsewhere. */
  readonly dataName: string;
  /** Where that text is. Absent where the caller opened it; then its name may be a path. */
  readonly data?: DataFiles | undefined;
  readonly progress: Progress;
}

export interface Checkpoint extends CheckpointSummary {
  readonly state: ModelState;
}

/** Writes a checkpoint. A crash at any instant leaves the one that was there, or the new one, whole. */
export async function saveCheckpoint(directory: string, checkpoint: Checkpoint): Promise<void> {
  const { state } = checkpoint;
  await commitFiles(directory, {
    ...summaryFiles(checkpoint, state.parameters),
    "optimizer.safetensors": (path) => writeSafetensors(path, momentTensors(state)),
  });
}

/** Writes a checkpoint that has no optimiser's state, with tensors that are read one by one as they are written. */
export async function saveWeights(
  directory: string,
  checkpoint: CheckpointSummary,
  tensors: Iterable<readonly [string, LazyTensor]>,
): Promise<void> {
  await commitFiles(directory, summaryFiles(checkpoint, tensors));
}

/** The files of a checkpoint but for the optimiser's. */
function summaryFiles(
  { state, tokenizer, progress, dataName, data, ...checkpoint }: CheckpointSummary,
  tensors: Iterable<readonly [string, StoredTensor | LazyTensor]>,
) {
  const config: Config = { ...checkpoint.config, model: state.config };
  const { step, updates, ramps, rewarm } = state;
  const training: z.input<typeof trainingFileSchema> = {
    formatVersion: FORMAT_VERSION,
    step,
    data: { name: dataName, ...(data !== undefined && { files: data }), seed: config.training.seed, nextStep: step },
    updates,
    lineage: Object.fromEntries([...state.lineage].map(([site, generations]) => [site, [...generations]])),
    ramps: [...ramps],
    ...(rewarm !== undefined && { rewarm }),
    progress,
  };
  return {
    "config.json": (path: string) => writeJson(path, config),
    "model.safetensors": (path: string) => writeSafetensors(path, tensors, { metadata: { format: "tokenformer" } }),
    ...(tokenizer !== undefined && { "tokenizer.json": (path: string) => writeJson(path, tokenizer.toJSON()) }),
    "training.json": (path: string) => writeJson(path, training),
  };
}

/**
 * Reads a checkpoint. One without an optimiser's state begins anew with zero moments.
 * @throws UserError naming the file, and the tensor, that is missing, damaged, of another shape or of a newer version
 */
export async function loadCheckpoint(directory: string): Promise<Checkpoint> {
  const summary = await loadSummary(directory);
  const parameters = new Map<string, HostArray>();
  for await (const [name, tensor] of readParameters(directory, summary.state.config)) parameters.set(name, tensor);
  checkLineage(summary.state, join(directory, "training.json"));
  const moments = await readMoments(await committedFile(directory, "optimizer.safetensors"), summary.state.config);
  return { ...summary, state: { ...summary.state, parameters, moments } };
}

/** All of a checkpoint but its weights and the optimiser's state. Throws a `UserError` as `loadCheckpoint` does. */
export async function loadSummary(directory: string): Promise<CheckpointSummary> {
  const config = await loadConfig(directory);
  const training = await readVersioned(await committedFile(directory, "training.json"), trainingFileSchema);
  const tokenizerFile = await committedFile(directory, "tokenizer.json");
  const tokenizer = (await fileExists(tokenizerFile)) ? await readTokenizer(tokenizerFile) : undefined;
  const model = completed(config.model, tokenizer, join(directory, "config.json"));
  const lineage = new Map(Object.entries(training.lineage));
  const { step, updates, ramps, rewarm, progress } = training;
  const state = { config: model, step, updates, lineage, ramps, rewarm };
  const { name: dataName, files: data } = training.data;
  return { config, state, tokenizer, progress, dataName, ...(data !== undefined && { data }) };
}

/**
 * The weights of a checkpoint, one tensor in memory at a time.
 * @throws UserError as `loadCheckpoint` does, before the first tensor where names or shapes are wrong
 */
export async function* readParameters(
  directory: string,
  model: Complete,
): AsyncGenerator<readonly [string, HostArray]> {
  yield* readTensors(await committedFile(directory, "model.safetensors"), shapesOf(model));
}

/** Opens the weights of a checkpoint, to read them by name. Throws a `UserError` as `loadCheckpoint` does. */
export async function openParameters(directory: string, model: Complete): Promise<OpenedTensors> {
  return openTensors(await committedFile(directory, "model.safetensors"), shapesOf(model));
}

function shapesOf(model: Complete): Map<string, readonly number[]> {
  return new Map(parametersOf(model).map(({ name, size }) => [name, size]));
}

/** The configuration of a checkpoint. Throws a `UserError` as `loadCheckpoint` does. */
export async function loadConfig(directory: string): Promise<Config> {
  return readVersioned(await committedFile(directory, "config.json"), configSchema);
}

/** Whether a directory holds a checkpoint. */
export async function hasCheckpoint(directory: string): Promise<boolean> {
  return fileExists(await committedFile(directory, "config.json"));
}

/** A model's configuration with the vocabulary of its tokenizer where it has none of its own. */
export function completed(model: ModelConfig, tokenizer: Tokenizer | undefined, where: string): Complete {
  const vocabulary = model.vocabulary ?? tokenizer?.vocabularySize;
  if (vocabulary === undefined) {
    throw new UserError(`${where}: says no model.vocabulary, and there is no tokenizer.json; restore that file`);
  }
  if (vocabulary < (tokenizer?.vocabularySize ?? 0)) {
    throw new UserError(
      `${where}: model.vocabulary is ${vocabulary}, but the tokenizer has ${tokenizer?.vocabularySize} tokens; leave it out or raise it`,
    );
  }
  return { ...model, vocabulary };
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

/**
 * Checks that a model has all the tokens of a tokenizer; it may have more, as published ones have.
 * @throws UserError where it has fewer
 */
export function checkVocabulary({ vocabularySize }: Tokenizer, { vocabulary }: Complete, where: string): void {
  if (vocabularySize <= vocabulary) return;
  throw new UserError(
    `${where}: the tokenizer has ${vocabularySize} tokens, but the model ${vocabulary}; name the tokenizer that the model was trained with`,
  );
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

/** Adam's moments; none where there is no such file, or it is empty. */
async function readMoments(file: string, model: Complete): Promise<ModelState["moments"]> {
  if (!(await fileExists(file)) || (await holdsNothing(file))) return undefined;
  const shapes = shapesOf(model);
  const moments = { first: new Map<string, HostArray>(), second: new Map<string, HostArray>() };
  const both = [...shapes].flatMap(([name, shape]) => [
    [`first.${name}`, shape] as const,
    [`second.${name}`, shape] as const,
  ]);
  for await (const [name, tensor] of readTensors(file, new Map(both))) {
    const [, part, parameter = ""] = /^(first|second)\.(.*)$/.exec(name) ?? [];
    (part === "first" ? moments.first : moments.second).set(parameter, tensor);
  }
  return moments;
}

function checkLineage({ config, lineage }: CheckpointSummary["state"], file: string): void {
  for (const { path, tokens } of sites(config)) {
    const born = lineage.get(path)?.reduce((sum, generation) => sum + generation.tokens, 0);
    if (born !== tokens) {
      throw new UserError(
        `${file}: the lineage of ${path} has ${born ?? 0} tokens, config.json has ${tokens}; restore the files of one checkpoint`,
      );
    }
  }
}
