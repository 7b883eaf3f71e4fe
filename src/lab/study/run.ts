/** One training run of a study: made once, kept in a folder, taken up again where it was stopped. */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { measureUsage, tokenGradientNorms, usageByGeneration } from "../../analysis/index.ts";
import { hasCheckpoint, readMetrics } from "../../checkpoint/index.ts";
import { microBatchOf, type TrainingEvent } from "../../configuration/index.ts";
import { UserError } from "../../errors.ts";
import { fileExists, type LockedFolder, readJson, writeJson } from "../../formats/index.ts";
import { sites } from "../../model/index.ts";
import type { Device } from "../../runtime/index.ts";
import { type Corpus, consecutiveBatches } from "../../text/index.ts";
import { lockRun, openRun, type Run } from "../../training/index.ts";
import { DivergenceError } from "../../training/portable.ts";
import { type Cell, cellConfig } from "./cells.ts";
import { collect } from "./collect.ts";
import type { GenerationUse, RunResult } from "./results.ts";

export interface StudyRun {
  readonly cell: Cell;
  readonly learningRate: number;
  readonly seed: number;
  /** Where its checkpoint, metrics and result are. */
  readonly directory: string;
  /** The folder of the finished run that it starts from. */
  readonly from?: string;
  /** Whether its weights are kept when it is done, for other runs to start from. */
  readonly keep: boolean;
}

export interface RunContext {
  readonly corpus: Corpus;
  readonly device: Device;
  readonly signal: AbortSignal;
  readonly onEvent: (event: TrainingEvent) => void;
}

const point = { step: z.number(), tokens: z.number(), flops: z.number(), seconds: z.number(), loss: z.number() };

const resultSchema = z.strictObject({
  seed: z.number(),
  learningRate: z.number(),
  curve: z.array(z.strictObject(point)),
  outcomes: z.array(z.strictObject({ ...point, stage: z.number(), parameters: z.number() })),
  growths: z.array(
    z.strictObject({
      summary: z.string(),
      step: z.number(),
      flops: z.number(),
      tokens: z.number(),
      lossBefore: z.number(),
      lossAfter: z.number(),
      steps: z.number(),
      lagLoss: z.number().exactOptional(),
      recoverySteps: z.number().exactOptional(),
    }),
  ),
  usage: z
    .array(
      z.strictObject({
        born: z.number(),
        tokenShare: z.number(),
        massShare: z.number(),
        gradientShare: z.number(),
      }),
    )
    .exactOptional(),
  diverged: z.string().exactOptional(),
});

/** The result of a run that is done, or undefined. */
export async function resultOf({ directory }: Pick<StudyRun, "directory">): Promise<RunResult | undefined> {
  const file = join(directory, "result.json");
  if (!(await fileExists(file))) return undefined;
  const parsed = resultSchema.safeParse(await readJson(file));
  if (parsed.success) return parsed.data;
  throw new UserError(`${file}: is not the result of a run; remove the folder, and the run is made again`);
}

/** The result of a run, and whether it was made now. */
export interface MadeRun {
  readonly result: RunResult;
  readonly made: boolean;
}

/**
 * Makes a run, or what is left of it. Undefined if it was interrupted: its checkpoint is kept.
 * @throws FolderTakenError where another process is making it
 */
export async function makeRun(run: StudyRun, context: RunContext): Promise<MadeRun | undefined> {
  const folder = await lockRun(run.directory);
  try {
    // Another process may have made it since it was looked for.
    const existing = await resultOf(run);
    if (existing !== undefined) return { result: existing, made: false };
    const result = (await lostWithBase(run)) ?? (await madeIn(folder, run, context));
    return result && { result, made: true };
  } finally {
    await folder.release();
  }
}

/** The result of a run whose base diverged, which has left nothing to start from. */
async function lostWithBase({ from, seed, learningRate, directory }: StudyRun): Promise<RunResult | undefined> {
  const base = from === undefined ? undefined : await resultOf({ directory: from });
  if (base?.diverged === undefined) return undefined;
  const result = { seed, learningRate, curve: [], outcomes: [], growths: [], diverged: base.diverged };
  await writeJson(join(directory, "result.json"), result);
  return result;
}

async function madeIn(folder: LockedFolder, run: StudyRun, context: RunContext): Promise<RunResult | undefined> {
  const { cell, learningRate, seed, directory } = run;
  const outcome = await trained(folder, run, context);
  if (outcome === undefined) return undefined;
  const base = run.from === undefined ? [] : await readMetrics(join(run.from, "metrics.jsonl"));
  const own = await readMetrics(join(directory, "metrics.jsonl"));
  const records = [...base.filter(({ step }) => step < cell.begins), ...own];
  const result: RunResult = { seed, learningRate, ...collect(cell, records), ...outcome };
  await writeJson(join(directory, "result.json"), result);
  if (!run.keep) await forgetWeights(directory);
  return result;
}

/** Trains to the end. Undefined if it was interrupted. */
async function trained(
  folder: LockedFolder,
  run: StudyRun,
  context: RunContext,
): Promise<Pick<RunResult, "diverged" | "usage"> | undefined> {
  const { cell, learningRate, seed, directory, from } = run;
  const { corpus, device, signal, onEvent } = context;
  const resume = await hasCheckpoint(directory);
  const started = await openRun({
    config: cellConfig(cell, learningRate, seed),
    data: corpus,
    out: folder,
    resume,
    device,
    from: resume ? undefined : from,
  });
  try {
    for await (const event of started.events(signal)) {
      onEvent(event);
      if (event.type === "end" && event.interrupted) return undefined;
    }
    const usage = await usageOf(started);
    return usage.length > 1 ? { usage } : {};
  } catch (error) {
    if (error instanceof DivergenceError) return { diverged: error.message };
    throw error;
  } finally {
    await started.close();
  }
}

/** Validation windows on which the use of parameter tokens is measured; their gradient, on those of one pass of training. */
const USAGE_WINDOWS = 64;

/** How much the tokens of each generation are used; nothing for a model whose tokens are all of one, or without any. */
async function usageOf(run: Run): Promise<GenerationUse[]> {
  const { trainer, corpus } = run;
  const { config, lineage } = await run.state();
  const [first, ...others] = sites(config).flatMap(({ path }) => lineage.get(path) ?? []);
  if (others.every(({ born, init }) => born === first?.born && init === first.init)) return [];
  const { context } = config;
  // What fits while training fits here: the gradient of more windows at once may not.
  const sequences = microBatchOf(run.config);
  const options = { context, sequences, maxTokens: USAGE_WINDOWS * context };
  const batches = [...consecutiveBatches(corpus.validation, options)];
  const [batch] = batches;
  if (config.type !== "tokenformer" || batch === undefined) return [];
  const usage = await measureUsage(trainer.inference, batches);
  const gradients = await tokenGradientNorms(trainer.inference, batch);
  const generations = usageByGeneration(sites(config), lineage, usage, gradients).all;
  const square = (norm = 0) => norm ** 2;
  const total = generations.reduce((sum, { gradientNorm }) => sum + square(gradientNorm), 0);
  return generations.map(({ born, tokenShare, contributionShare, gradientNorm }) => ({
    born,
    tokenShare,
    massShare: contributionShare,
    gradientShare: square(gradientNorm) / total,
  }));
}

/** Removes the weights of a run that is done, from which nothing starts. */
export async function forgetWeights(directory: string): Promise<void> {
  for (const file of ["model.safetensors", "optimizer.safetensors"]) await rm(join(directory, file), { force: true });
}
