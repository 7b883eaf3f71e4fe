/** Growing a run that has stopped: from its folder into another. */

import { chosenTokenizer, dataOf, loadCheckpoint, readMetricsUpTo, saveCheckpoint } from "../checkpoint/index.ts";
import type { Checkpoint } from "../checkpoint/portable.ts";
import type { GrowthReport } from "../configuration/index.ts";
import { openCorpus } from "../data/index.ts";
import type { DataSource } from "../data/portable.ts";
import { UserError } from "../errors.ts";
import { Inference, type TokenBatch, uploadArrays } from "../inference/index.ts";
import { givenOf, modelOf } from "../model/index.ts";
import { type DeviceName, openDevice } from "../runtime/index.ts";
import { closeCorpus, consecutiveBatches, type Tokenizer } from "../text/index.ts";
import { growCheckpoint } from "./growing.ts";
import { type GrowthNow, scheduledNow } from "./growth-now.ts";
import { memoryLimit } from "./machine-memory.ts";
import { checkMemory } from "./memory.ts";
import { withNewRun } from "./run-folder.ts";

export interface GrowRunOptions {
  /** The folder of a run or checkpoint. */
  readonly from: string;
  /** The folder of the grown one, which holds no run yet. */
  readonly to: string;
  readonly plan: GrowthNow;
  /** Text on which the model is compared with the grown one. Default: what the run was trained on. */
  readonly data?: DataSource | undefined;
  /** A tokenizer.json for that text. Default: that of the run. */
  readonly tokenizer?: string | undefined;
  /** Seeds the new tokens. Default: that of the training. */
  readonly seed?: number | undefined;
  /** The device on which both models are compared. Default "cpu". */
  readonly device?: DeviceName | undefined;
}

/** Sequences of held-out text on which the logits before and after are compared. */
const SEQUENCES = 8;

/**
 * Grows a run, measures what that changed, and writes the grown run with the metrics so far; another can go on from there.
 * @returns the grown checkpoint, and what changed
 * @throws UserError for a plan that cannot be, for a model that this machine has no memory to train, and for a folder that cannot
 * be read or written; then nothing is left behind
 */
export async function growRun({
  from,
  to,
  plan,
  ...options
}: GrowRunOptions): Promise<{ checkpoint: Checkpoint; report: GrowthReport }> {
  const checkpoint = await loadCheckpoint(from);
  const { config, state } = checkpoint;
  const memory = { limit: memoryLimit(), computes: (options.device ?? "cpu") === "cpu" };
  checkMemory(config, config.model, memory, [scheduledNow(plan, config.model, state.step)]);
  return withNewRun(to, async (folder) => {
    const tokenizer = await chosenTokenizer(checkpoint, from, options.tokenizer);
    const batch = await firstBatch(dataOf(options.data, checkpoint), tokenizer, checkpoint);
    const device = await openDevice(options.device ?? "cpu");
    try {
      const parameters = await uploadArrays(device, state.parameters);
      const inference = new Inference(device, modelOf(config.model), parameters, givenOf(config.model));
      const { seed } = options;
      const grown = await growCheckpoint(inference, { ...checkpoint, tokenizer }, plan, { batch, seed });
      const { tokens, flops, seconds } = checkpoint.progress;
      const growth = { step: state.step, growth: { ...grown.report, tokens, flops, seconds } };
      await saveCheckpoint(folder, grown.checkpoint, [...(await readMetricsUpTo(checkpoint, from)), growth]);
      return grown;
    } finally {
      await device.close();
    }
  });
}

/** The beginning of the held-out part of a text. */
async function firstBatch(
  data: DataSource,
  tokenizer: Tokenizer,
  { config, data: before }: Checkpoint,
): Promise<TokenBatch> {
  const corpus = await openCorpus(data, tokenizer, { before });
  try {
    const [batch] = consecutiveBatches(corpus.validation, { sequences: SEQUENCES, context: config.model.context });
    if (batch !== undefined) return batch;
    throw new UserError(
      `${corpus.name}: too short for the preservation check, expected at least 20 tokens; give a longer text`,
    );
  } finally {
    closeCorpus(corpus);
  }
}
