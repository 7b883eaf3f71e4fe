/** A published checkpoint as a checkpoint of this program: tensor by tensor, never all in memory at once. */

import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { saveWeights } from "../checkpoint/index.ts";
import type { CheckpointSummary } from "../checkpoint/portable.ts";
import { configSchema } from "../configuration/index.ts";
import { checkVocabulary } from "../data/portable.ts";
import { UserError } from "../errors.ts";
import {
  explainFileError,
  fileExists,
  type LazyTensor,
  type LockedFolder,
  openWeights,
  type WeightFile,
} from "../formats/index.ts";
import type { Generation } from "../growth/index.ts";
import { type CompleteModelConfig, sites, withSites } from "../model/index.ts";
import { readTokenizer, type Tokenizer } from "../text/index.ts";
import { withNewRun } from "../training/index.ts";
import { readPublishedConfig } from "./config.ts";
import { type PublishedModel, publishedModel, type Source } from "./model.ts";

export interface ImportOptions {
  /** A file of weights, an index of such files, or a folder with either. */
  readonly from: string;
  /** The folder to write; it must not hold a run. */
  readonly to: string;
  /** The configuration of the model. Default: config.json or the one .yml beside the weights. */
  readonly config?: string;
  /** Default: tokenizer.json beside the weights, if there is one. */
  readonly tokenizer?: string;
}

export interface Imported {
  /** The files that were read. */
  readonly weights: string;
  readonly config: string;
  readonly model: CompleteModelConfig;
  readonly tokenizer: Tokenizer | undefined;
}

/**
 * Reads a published checkpoint (PyTorch, DeepSpeed or safetensors, float64, float32, float16 or bfloat16) and writes it as a checkpoint with
 * float32 weights, without the state of an optimiser. Memory holds one tensor at a time.
 * @throws UserError where something is missing, damaged, unknown or not finite; then nothing is left behind
 */
export async function importCheckpoint({ to, ...options }: ImportOptions): Promise<Imported> {
  return withNewRun(to, (folder) => importTo(folder, options));
}

async function importTo(to: LockedFolder, { from, ...options }: Omit<ImportOptions, "to">): Promise<Imported> {
  const weights = await openWeights(from);
  try {
    const beside = dirname(weights.file);
    const configFile = options.config ?? (await configBesideWeights(beside));
    const origin = { weights: weights.file, config: configFile };
    const published = publishedModel(weights, await readPublishedConfig(configFile), origin);
    const tokenizer = await tokenizerOf(beside, options.tokenizer, published.config);
    const checkpoint = newRun(published, tokenizer);
    const tensors = published.sources.map(({ parameter, names }): [string, LazyTensor] => [
      parameter.name,
      { shape: parameter.size, pieces: () => readParameter(weights, names, weights.file) },
    ]);
    await saveWeights(to, checkpoint, tensors);
    return { weights: weights.file, config: configFile, model: checkpoint.state.config, tokenizer };
  } finally {
    await weights.close();
  }
}

/** The run that an imported model is: at step 0, with a default training, and τ written down so that it stays in growth. */
function newRun({ config }: PublishedModel, tokenizer: Tokenizer | undefined): CheckpointSummary {
  const model: CompleteModelConfig = withSites(config, sites(config));
  const imported = (tokens: number): Generation[] => [
    { tokens, born: 0, init: "imported", updates: 0, frozenUntil: 0 },
  ];
  const lineage = new Map(sites(model).map(({ path, tokens }) => [path, imported(tokens)]));
  return {
    config: { ...configSchema.parse({ model, tokenizer: tokenizer === undefined ? "none" : "tokenizer.json" }), model },
    state: { config: model, step: 0, updates: 0, lineage, ramps: [], rewarm: undefined },
    tokenizer,
    dataName: "",
    progress: { start: 0, tokens: 0, flops: 0, seconds: 0, growthsDone: 0 },
  };
}

/** The elements of a parameter, all in one piece; where several tensors hold it, they must agree. */
async function* readParameter(weights: WeightFile, names: Source["names"], file: string): AsyncGenerator<Float32Array> {
  const [first, ...others] = names;
  const data = await readFinite(weights, first, file);
  for (const name of others) {
    const other = await readFinite(weights, name, file);
    if (data.some((value, index) => value !== other[index])) {
      throw new UserError(
        `${file}: the tensors "${first}" and "${name}" differ, expected the same weights twice, as the output is tied to the embedding; set no_weight_tying: true if it is not`,
      );
    }
  }
  yield data;
}

async function readFinite(weights: WeightFile, name: string, file: string): Promise<Float32Array> {
  const { data } = await weights.read(name);
  if (!(data instanceof Float32Array)) throw new Error("internal: the type of a weight was checked");
  const wrong = data.findIndex((value) => !Number.isFinite(value));
  if (wrong < 0) return data;
  throw new UserError(
    `${file}: the tensor "${name}" holds ${data[wrong]} at element ${wrong}, expected finite numbers; its training diverged or the file is damaged`,
  );
}

/** The configuration in a folder, or in that around the folder of a step, as DeepSpeed has them. */
async function configBesideWeights(folder: string): Promise<string> {
  const inside = await namesIn(folder);
  const isStep = /^global_step\d+$/.test(basename(resolve(folder)));
  const lacks = !inside.some((name) => name === "config.json" || /\.ya?ml$/.test(name));
  return configBeside(isStep && lacks ? dirname(resolve(folder)) : folder);
}

/** The configuration in a folder: config.json, or the only YAML file. */
async function configBeside(folder: string): Promise<string> {
  const names = await namesIn(folder);
  if (names.includes("config.json")) return join(folder, "config.json");
  const [only, ...others] = names.filter((name) => /\.ya?ml$/.test(name));
  if (only !== undefined && others.length === 0) return join(folder, only);
  const what = only === undefined ? "no configuration there" : `${[only, ...others].join(", ")} could be meant`;
  throw new UserError(
    `${folder}: ${what}, expected config.json or one .yml beside the weights; name it with --config FILE`,
  );
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    throw explainFileError(error, "read", folder);
  }
}

/** The tokenizer that is named, else the one in a folder, if any. */
async function tokenizerOf(
  folder: string,
  named: string | undefined,
  model: CompleteModelConfig,
): Promise<Tokenizer | undefined> {
  const file = named ?? join(folder, "tokenizer.json");
  if (named === undefined && !(await fileExists(file))) return undefined;
  const tokenizer = await readTokenizer(file);
  checkVocabulary(tokenizer, model, file);
  return tokenizer;
}
