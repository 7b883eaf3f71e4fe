/** What a list shows of a run on disk. */

import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { loadSummary, parseMetrics } from "../checkpoint/index.ts";
import type { MetricRecord } from "../checkpoint/portable.ts";
import { explainFileError, inEffect, statIfPresent } from "../formats/index.ts";
import { type CompleteModelConfig, countParameters, hasBlocks } from "../model/index.ts";

export interface RunSummary {
  /** The model in words: "tokenformer, 4 layers of width 128". */
  readonly model: string;
  readonly parameters: number;
  /** The last step that was measured, or that of the checkpoint. */
  readonly step: number;
  /** The steps that the run is to have in all. */
  readonly steps: number;
  /** The last validation loss, in nats per token. */
  readonly validationLoss?: number;
  /** Whether its metrics have grown in the last seconds. */
  readonly training: boolean;
  /** When checkpoint or metrics last changed, in milliseconds since 1970. */
  readonly changed: number;
}

/** A run whose metrics have grown in the last 15 seconds is training. */
const LIVELY = 15_000;
/** The last metrics that are looked at, in bytes. */
const TAIL = 2 ** 18;

/** @throws UserError where the folder's checkpoint or metrics cannot be read */
export async function summarise(directory: string): Promise<RunSummary> {
  const checkpoint = await checkpointFacts(directory);
  const { records, modified } = await lastMetrics(join(directory, "metrics.jsonl"));
  const validationLoss = records.map(validationOf).findLast((loss) => loss !== undefined) ?? checkpoint.validationLoss;
  return {
    model: checkpoint.model,
    parameters: parametersOf(records) ?? checkpoint.parameters,
    step: Math.max(checkpoint.step, records.at(-1)?.step ?? 0),
    steps: checkpoint.steps,
    ...(validationLoss !== undefined && { validationLoss }),
    training: Date.now() - modified < LIVELY,
    changed: Math.round(Math.max(modified, checkpoint.modified)),
  };
}

interface CheckpointFacts {
  readonly modified: number;
  readonly model: string;
  readonly parameters: number;
  readonly step: number;
  readonly steps: number;
  readonly validationLoss?: number | undefined;
}

/** What is known of checkpoints that were read, as lists are asked for again and again. */
const known = new Map<string, CheckpointFacts>();

async function checkpointFacts(directory: string): Promise<CheckpointFacts> {
  const modified = (await inEffect(directory, "training.json", (file) => stat(file)))?.mtimeMs ?? 0;
  const found = known.get(directory);
  if (found?.modified === modified) return found;
  const { state, config, progress } = await loadSummary(directory);
  const facts = {
    modified,
    model: described(state.config),
    parameters: countParameters(state.config).total,
    step: state.step,
    steps: config.training.steps,
    validationLoss: progress.best?.validationLoss,
  };
  known.set(directory, facts);
  return facts;
}

function described(model: CompleteModelConfig): string {
  if (!hasBlocks(model)) return model.type;
  return `${model.type}, ${model.layers} layer${model.layers === 1 ? "" : "s"} of width ${model.width}`;
}

/** The last records of a metrics file, and when it was last written to; none and 0 where there is none. */
async function lastMetrics(file: string): Promise<{ readonly records: MetricRecord[]; readonly modified: number }> {
  const stats = await statIfPresent(file);
  if (stats === undefined) return { records: [], modified: 0 };
  const handle = await open(file);
  try {
    const from = Math.max(0, stats.size - TAIL);
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(stats.size - from), position: from });
    return { records: parseMetrics(buffer.toString("utf8", 0, bytesRead)), modified: stats.mtimeMs };
  } catch (error) {
    throw explainFileError(error, "read", file);
  } finally {
    await handle.close();
  }
}

function validationOf({ validationLoss }: MetricRecord): number | undefined {
  return typeof validationLoss === "number" ? validationLoss : undefined;
}

/** The number of parameters after the last growth, which may be younger than the checkpoint. */
function parametersOf(records: readonly MetricRecord[]): number | undefined {
  const growth = records.findLast(({ growth }) => growth !== undefined)?.["growth"];
  if (typeof growth !== "object" || growth === null || !("parametersAfter" in growth)) return undefined;
  return typeof growth.parametersAfter === "number" ? growth.parametersAfter : undefined;
}
