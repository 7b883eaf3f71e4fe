/** Reading a checkpoint from its files, wherever these are. */

import { z } from "zod";
import { type Config, configSchema, FORMAT_VERSION } from "../configuration/index.ts";
import { modelWithVocabulary } from "../data/portable.ts";
import { UserError } from "../errors.ts";
import { type ByteSource, checkJson, memorySource, parseJson, patched, refuseNewer } from "../formats/portable.ts";
import type { HostArray, ModelState } from "../growth/index.ts";
import { type CompleteModelConfig, parametersOf, sites } from "../model/index.ts";
import { required } from "../required.ts";
import { loadTokenizer, readSettings, SETTINGS, withSettings } from "../text/portable.ts";
import { type Checkpoint, type CheckpointSummary, OPTIMIZER, trainingFileSchema } from "./checkpoint-schema.ts";
import { type OpenedTensors, openTensors, readTensors, tensorNames } from "./checkpoint-tensors.ts";
import { learnsOf } from "./learning-part.ts";
import { patchesOf } from "./patches.ts";

/** Where the files of a checkpoint are. */
export interface CheckpointFolder {
  /** What messages call a file. */
  pathOf(name: string): string;
  has(name: string): boolean;
  /** Opens a file. Throws a `UserError` where there is none. */
  open(name: string): ByteSource;
}

/**
 * The checkpoint of the files that `checkpointFiles` gives, or of a folder's. One without an optimiser's state begins anew
 * with zero moments.
 * @throws UserError naming the file, and the tensor, that is missing, damaged, of another shape or of a newer version
 */
export async function parseCheckpoint(files: ReadonlyMap<string, Uint8Array>): Promise<Checkpoint> {
  return readCheckpoint({
    pathOf: (name) => name,
    has: (name) => files.has(name),
    open: (name) => {
      const bytes = files.get(name);
      if (bytes === undefined) throw new UserError(`cannot read ${name}: there is no such file; check the path`);
      return memorySource(name, bytes);
    },
  });
}

/** The whole of a checkpoint. */
export async function readCheckpoint(folder: CheckpointFolder): Promise<Checkpoint> {
  return withArrays(folder, await readSummary(folder), () => true);
}

/** The checkpoint of a run of which a part learns, whose files have the parameters of that part alone. */
export async function readPart(folder: CheckpointFolder): Promise<Checkpoint> {
  const summary = await readSummary(folder);
  return withArrays(folder, summary, learnsOf(summary.part) ?? (() => true));
}

/** @param has whether the files have a parameter */
async function withArrays(
  folder: CheckpointFolder,
  summary: CheckpointSummary,
  has: (parameter: string) => boolean,
): Promise<Checkpoint> {
  const { state, part } = summary;
  const shapes = [...shapesOf(state.config)];
  const parameters = new Map<string, HostArray>();
  const wanted = new Map(shapes.filter(([name]) => has(name)));
  for await (const [name, tensor] of readTensors(folder.open("model.safetensors"), wanted)) {
    parameters.set(name, tensor);
  }
  checkLineage(state, folder.pathOf("training.json"));
  const learns = learnsOf(part) ?? (() => true);
  const moments = await readMoments(
    folder,
    shapes.filter(([name]) => learns(name)),
  );
  return { ...summary, state: { ...state, parameters, moments } };
}

/** The checkpoint without its weights and the optimiser's state. */
export async function readSummary(folder: CheckpointFolder): Promise<CheckpointSummary> {
  const { value: config, applied: configPatches } = await readVersioned(folder, "config.json", savedConfigSchema);
  const { value: training, applied } = await readVersioned(folder, "training.json", trainingFileSchema);
  const patches = [...configPatches, ...applied];
  const tokenizer = folder.has("tokenizer.json") ? await tokenizerIn(folder) : undefined;
  const model = modelWithVocabulary(config.model, tokenizer, folder.pathOf("config.json"));
  const lineage = new Map(Object.entries(training.lineage));
  const { step, updates, ramps, rewarm, progress, part } = training;
  if (part !== undefined) checkPart(part.parameters, model, folder.pathOf("training.json"));
  const state = { config: model, step, updates, lineage, ramps, rewarm };
  const { name: dataName, files: data, content } = training.data;
  const others = {
    ...(data !== undefined && { data }),
    ...(content !== undefined && { content }),
    ...(part !== undefined && { part }),
    ...(patches.length > 0 && { patches }),
  };
  return { config: { ...config, model }, state, tokenizer, progress, dataName, ...others };
}

export async function readConfig(folder: CheckpointFolder): Promise<Config> {
  return (await readVersioned(folder, "config.json", savedConfigSchema)).value;
}

/**
 * A configuration as it was saved, with all its keys. A growth plan without `newWarmup` was saved before there was one: its new
 * tokens had none, whatever the default is now.
 */
const savedConfigSchema = z.preprocess((saved) => {
  const { data } = z.looseObject({ growth: z.array(z.looseObject({})) }).safeParse(saved);
  if (data === undefined) return saved;
  return { ...data, growth: data.growth.map((plan) => ("add" in plan ? { newWarmup: 0, ...plan } : plan)) };
}, configSchema);

/** The weights, one tensor in memory at a time. */
export async function* readParametersIn(
  folder: CheckpointFolder,
  model: CompleteModelConfig,
): AsyncGenerator<readonly [string, HostArray]> {
  yield* readTensors(folder.open("model.safetensors"), shapesOf(model));
}

/** The weights, read by name. */
export async function openParametersIn(folder: CheckpointFolder, model: CompleteModelConfig): Promise<OpenedTensors> {
  return openTensors(folder.open("model.safetensors"), shapesOf(model));
}

function shapesOf(model: CompleteModelConfig): Map<string, readonly number[]> {
  return new Map(parametersOf(model).map(({ name, size }) => [name, size]));
}

async function tokenizerIn(folder: CheckpointFolder) {
  const { text, name } = await readText(folder, "tokenizer.json");
  const tokenizer = loadTokenizer(parseJson(text, name), name);
  if (!folder.has(SETTINGS)) return tokenizer;
  const settings = await readText(folder, SETTINGS);
  return withSettings(tokenizer, readSettings(parseJson(settings.text, settings.name), settings.name));
}

/** Whether a configuration is that of a published model, which has its width at the top, under one of several names. */
function isPublished(found: unknown): boolean {
  const { data = {} } = z.looseObject({}).safeParse(found);
  return !("model" in data) && ["hidden_size", "n_embd", "d_model"].some((key) => key in data);
}

/** JSON that a schema checks. That of an older version is patched before, and a newer one is told from a damaged file. */
async function readVersioned<Value>(
  folder: CheckpointFolder,
  file: keyof typeof patchesOf,
  schema: z.ZodType<Value>,
): Promise<{ value: Value; applied: readonly string[] }> {
  const { text, name } = await readText(folder, file);
  const found = parseJson(text, name);
  refuseNewer(found, name, FORMAT_VERSION);
  if (file === "config.json" && isPublished(found)) {
    throw new UserError(
      `${name}: is the configuration of a published model, expected that of a run; make a run of it: tokenformer import FOLDER --to RUN`,
    );
  }
  const { value, applied } = patched(found, patchesOf[file], FORMAT_VERSION);
  return { value: checkJson(value, name, schema), applied: applied.map((patch) => `${name}: ${patch}`) };
}

async function readText(folder: CheckpointFolder, file: string): Promise<{ text: string; name: string }> {
  const { name, size, read, close } = folder.open(file);
  try {
    const bytes = new Uint8Array(size);
    await read(bytes, 0);
    return { text: new TextDecoder().decode(bytes), name };
  } finally {
    await close();
  }
}

const MOMENTS = ["first", "second", "outer"] as const;

/** Adam's moments, and that of an outer optimiser; none where there is no such file, or it is empty. */
async function readMoments(
  folder: CheckpointFolder,
  learning: readonly (readonly [string, readonly number[]])[],
): Promise<ModelState["moments"]> {
  if (!folder.has(OPTIMIZER)) return undefined;
  const names = await tensorNames(folder.open(OPTIMIZER));
  if (names.length === 0) return undefined;
  const parts = names.some((name) => name.startsWith("outer.")) ? MOMENTS : MOMENTS.slice(0, 2);
  const shapes = learning.flatMap(([name, shape]) => parts.map((part) => [`${part}.${name}`, shape] as const));
  const moments = new Map(parts.map((part) => [part, new Map<string, HostArray>()]));
  for await (const [name, tensor] of readTensors(folder.open(OPTIMIZER), new Map(shapes))) {
    const part = parts.find((one) => name.startsWith(`${one}.`)) ?? "first";
    moments.get(part)?.set(name.slice(part.length + 1), tensor);
  }
  return { first: required(moments, "first"), second: required(moments, "second"), outer: moments.get("outer") };
}

function checkPart(names: readonly string[], model: CompleteModelConfig, file: string): void {
  const known = shapesOf(model);
  const unknown = names.find((name) => !known.has(name));
  if (unknown === undefined) return;
  throw new UserError(
    `${file}: "${unknown}" is to learn, which the model of config.json does not have; restore the files of one checkpoint`,
  );
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
