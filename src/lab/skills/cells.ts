/** The trainings of the study: each made once, kept in a folder, found there the next time. */

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import {
  hasCheckpoint,
  loadCheckpoint,
  loadConfig,
  loadSummary,
  METRICS,
  readMetrics,
} from "../../checkpoint/index.ts";
import { type Config, parseConfig, type TrainingConfig } from "../../configuration/index.ts";
import { UserError } from "../../errors.ts";
import { fileExists, makeFolder, readJson, writeJson } from "../../formats/index.ts";
import { freeAll } from "../../freeing.ts";
import { Inference, uploadArrays } from "../../inference/index.ts";
import { countParameters, givenOf, hasBlocks, modelOf, siteKinds } from "../../model/index.ts";
import { required } from "../../required.ts";
import type { Device } from "../../runtime/index.ts";
import {
  hasSkill,
  hasUnfinished,
  loadSkill,
  openAdaptation,
  openAttached,
  resumeAdaptation,
} from "../../skills/index.ts";
import { type Corpus, consecutiveBatches } from "../../text/index.ts";
import { forecastMemory, openRun, Run } from "../../training/index.ts";
import { DivergenceError } from "../../training/portable.ts";
import type { SkillsStudy } from "./config.ts";
import { gptBeside } from "./lora.ts";
import type { Learned, Losses, Way } from "./results.ts";
import { beginnings, type PartWay } from "./ways.ts";

/** What the trainings share. */
export interface Workplace {
  readonly study: SkillsStudy;
  /** The texts, that of the base first. */
  readonly corpora: ReadonlyMap<string, Corpus>;
  /** The names of the files of each text. */
  readonly files: ReadonlyMap<string, readonly string[]>;
  readonly directory: string;
  readonly device: Device;
  readonly signal?: AbortSignal | undefined;
  /** A function that is told of each training that is done: `made` where it was done now. */
  readonly onDone?: ((name: string, learned: Learned, made: boolean) => void) | undefined;
}

const learnedSchema = z.strictObject({
  seed: z.number(),
  parameters: z.number(),
  bytes: z.number(),
  memory: z.number(),
  seconds: z.number(),
  losses: z.record(z.string(), z.number()),
  diverged: z.string().exactOptional(),
});

/** What is in a folder of the study, or is made there now; of a training that diverges, that it did. Undefined if it was interrupted. */
async function once(
  site: Workplace,
  { name, seed }: { readonly name: string; readonly seed: number },
  make: (folder: string) => Promise<Learned | undefined>,
): Promise<Learned | undefined> {
  const file = join(folderOf(site, name), "result.json");
  const isThere = await fileExists(file);
  if (!isThere && site.signal?.aborted === true) return undefined;
  await makeFolder(folderOf(site, name));
  const learned = isThere
    ? readResult(file, await readJson(file))
    : await madeOrDiverged(seed, () => make(folderOf(site, name)));
  if (learned === undefined) return undefined;
  if (!isThere) await writeJson(file, learned);
  site.onDone?.(name, learned, !isThere);
  return learned;
}

/** One rate that is too high must not end the study: it would do so each time. */
async function madeOrDiverged(seed: number, make: () => Promise<Learned | undefined>): Promise<Learned | undefined> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof DivergenceError)) throw error;
    return { seed, parameters: 0, bytes: 0, memory: 0, seconds: 0, losses: {}, diverged: error.message };
  }
}

function readResult(file: string, value: unknown): Learned {
  const parsed = learnedSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UserError(`${file}: is not the result of a training; remove it, and the training is made again`);
}

export const folderOf = ({ directory }: Pick<Workplace, "directory">, name: string): string =>
  join(directory, "runs", name);

export const baseName = (seed: number) => `base-${seed}`;
export const gptName = (seed: number) => `gpt-${seed}`;

/** A training of the study. */
export interface Task {
  readonly text: string;
  readonly way: Way;
  /** Tokens a site; of no use where all parameters learn. */
  readonly size?: number | undefined;
  readonly rate: number;
  readonly seed: number;
}

export const nameOfTask = ({ text, way, size, rate, seed }: Task) =>
  [way, text, ...(size === undefined ? [] : [size]), rate, seed].join("-");

/** The base of a seed. */
export function base(site: Workplace, seed: number): Promise<Learned | undefined> {
  const { study, corpora } = site;
  const [data] = corpora.values();
  if (data === undefined) throw new Error("internal: a study without a text");
  return once(site, { name: baseName(seed), seed }, async (out) => {
    const { model, tokenizer } = study;
    const config = parseConfig({ model, tokenizer, training: { ...study.base, seed } });
    return trainedRun(site, { config, data, out, resume: await hasCheckpoint(out) });
  });
}

/** A GPT with about as many parameters as the base of a seed, trained as that. */
export function gpt(site: Workplace, seed: number): Promise<Learned | undefined> {
  const { study, corpora } = site;
  const [data] = corpora.values();
  if (data === undefined) throw new Error("internal: a study without a text");
  return once(site, { name: gptName(seed), seed }, async (out) => {
    const { state } = await loadSummary(folderOf(site, baseName(seed)));
    if (!hasBlocks(state.config)) throw new Error("internal: the base of a study has no blocks");
    const model = gptBeside({ ...state.config }, countParameters(state.config).total);
    const config = parseConfig({ model, tokenizer: study.tokenizer, training: { ...study.base, seed } });
    return trainedRun(site, { config, data, out, resume: await hasCheckpoint(out) });
  });
}

/** All parameters of a model trained on, on another text. @param from the name of what it starts from */
export function fullyTuned(
  site: Workplace,
  { name, from, text, rate, seed }: { name: string; from: string; text: string; rate: number; seed: number },
): Promise<Learned | undefined> {
  return once(site, { name, seed }, async (out) => {
    const start = folderOf(site, from);
    const { model, tokenizer } = await loadConfig(start);
    const training = { ...site.study.adapting, learningRate: rate, seed };
    const config = parseConfig({ model, tokenizer, training });
    const data = site.corpora.get(text);
    if (data === undefined) throw new Error(`internal: no text ${text}`);
    const resume = await hasCheckpoint(out);
    return trainedRun(site, { config, data, out, resume, ...(!resume && { from: start, restart: true }) });
  });
}

/** A part of the base, or of the GPT, trained in memory. One that was stopped begins anew. */
export function partlyTuned(
  site: Workplace,
  task: Task & { readonly way: PartWay; readonly size: number },
): Promise<Learned | undefined> {
  const { text, way, size, rate, seed } = task;
  return once(site, { name: nameOfTask(task), seed }, async () => {
    const data = required(site.corpora, text);
    const training = { ...site.study.adapting, learningRate: rate, seed };
    const base = await loadCheckpoint(folderOf(site, way === "lora" ? gptName(seed) : baseName(seed)));
    const learning = await learningOfSkill(site, size, seed);
    const { start, learning: parameters } = beginnings[way](base, data, { size, learning, training });
    const run = await Run.begin(start, { device: site.device });
    const spent = await finished(run, site.signal, ({ trainer }) => measured(site, trainer.inference, run.context));
    if (spent === undefined) return undefined;
    const { seconds, memory, result: losses } = spent;
    return { seed, parameters, bytes: FLOAT * parameters, memory, seconds, losses };
  });
}

/** Bytes of a number in a file. */
const FLOAT = 4;

/** The parameters of a skill. */
async function learningOfSkill(site: Workplace, size: number, seed: number): Promise<number> {
  const { state } = await loadSummary(folderOf(site, baseName(seed)));
  if (!hasBlocks(state.config)) throw new Error("internal: the base of a study has no blocks");
  return 2 * state.config.width * size * siteKinds.length * state.config.layers;
}

/** A skill of the base for a text. */
export function skill(site: Workplace, task: Task & { readonly size: number }): Promise<Learned | undefined> {
  const { text, size, rate, seed } = task;
  return once(site, { name: nameOfTask(task), seed }, async (to) => {
    const from = folderOf(site, baseName(seed));
    const { device } = site;
    const training = { ...site.study.adapting, learningRate: rate, seed };
    const isUnfinished = await hasUnfinished(to);
    const trained = async () => {
      const add = Object.fromEntries(siteKinds.map((kind) => [kind, size]));
      const data = { train: site.files.get(text) ?? [] };
      const run = isUnfinished
        ? await resumeAdaptation({ from, to, device })
        : await openAdaptation({ from, to, add, training, data, device });
      return finished(run, site.signal, async () => undefined);
    };
    // One that was stopped between its end and its result is measured as it is.
    const isTrained = !isUnfinished && (await hasSkill(to));
    const spent = isTrained ? await spentOn(site, { from, to, training }) : await trained();
    if (spent === undefined) return undefined;
    const losses = await lossesOf(site, from, [to]);
    const { size: bytes } = await stat(join(to, "skill.safetensors"));
    return { seed, parameters: spent.learning, bytes, memory: spent.memory, seconds: spent.seconds, losses };
  });
}

/** What the training of a finished skill took, by the files that it left. */
async function spentOn(
  { device }: Workplace,
  { from, to, training }: { readonly from: string; readonly to: string; readonly training: TrainingConfig },
) {
  const { record } = await loadSkill(to);
  const base = await loadSummary(from);
  const opened = await openAttached(from, [to]);
  await opened.close();
  const { config: model } = opened.summary.state;
  const learning = countParameters(model).total - countParameters(base.state.config).total;
  const { total: memory } = forecastMemory({ ...base.config, training }, model, device.kind === "cpu", learning);
  // Where an earlier state was the best one, the skill does not tell of the steps after it.
  const last = (await readMetrics(join(to, METRICS))).at(-1);
  const { seconds } = z.looseObject({ seconds: z.number().default(record.training.seconds) }).parse(last ?? {});
  return { seconds, learning, memory };
}

async function trainedRun(
  site: Workplace,
  options: {
    readonly config: Config;
    readonly data: Corpus;
    readonly out: string;
    readonly resume: boolean;
    readonly from?: string;
    readonly restart?: boolean;
  },
): Promise<Learned | undefined> {
  const run = await openRun({ ...options, device: site.device });
  const spent = await finished(run, site.signal, async () => undefined);
  if (spent === undefined) return undefined;
  const { size: bytes } = await stat(join(options.out, "model.safetensors"));
  const losses = await lossesOf(site, options.out, []);
  const { learning: parameters, memory, seconds } = spent;
  return { seed: options.config.training.seed, parameters, bytes, memory, seconds, losses };
}

/** Trains to the end, and looks at what there is then. Undefined if it was interrupted. */
async function finished<Result>(run: Run, signal: AbortSignal | undefined, look: (run: Run) => Promise<Result>) {
  try {
    for await (const event of run.events(signal)) if (event.type === "end" && event.interrupted) return undefined;
    const { config, progress, trainer } = run;
    const { learning, device } = trainer;
    const { total: memory } = forecastMemory(config, config.model, device.kind === "cpu", learning);
    return { seconds: progress.seconds, learning, memory, result: await look(run) };
  } finally {
    await run.close();
  }
}

/** The held-out losses of a run with skills on every text. */
export async function lossesOf(site: Workplace, run: string, skills: readonly string[]): Promise<Losses> {
  const { device } = site;
  const opened = await openAttached(run, skills);
  try {
    const { config } = opened.summary.state;
    const parameters = await uploadArrays(device, opened.parameters());
    const inference = new Inference(device, modelOf(config), parameters, givenOf(config));
    try {
      return await measured(site, inference, config.context);
    } finally {
      await freeAll(
        () => inference.release(),
        () => device.dispose(parameters.values()),
      );
    }
  } finally {
    await opened.close();
  }
}

async function measured({ corpora, study }: Workplace, inference: Inference, context: number): Promise<Losses> {
  const maxTokens = study.heldOutTokens || Number.POSITIVE_INFINITY;
  const losses: Record<string, number> = {};
  for (const [name, { validation }] of corpora) {
    losses[name] = (await inference.evaluate(consecutiveBatches(validation, { context, maxTokens }))).loss;
  }
  return losses;
}

/** The parameters of a base. */
export async function parametersOfBase(site: Workplace, seed: number): Promise<number> {
  const { state } = await loadSummary(folderOf(site, baseName(seed)));
  return countParameters(state.config).total;
}
