/** Growing a model that is on a device, and measuring what that did. */

import { type Checkpoint, withoutPart, withState } from "../checkpoint/portable.ts";
import type { GrowthReport } from "../configuration/index.ts";
import { freeQuietly } from "../freeing.ts";
import {
  checkPlans,
  type GrowthPlan,
  grow,
  growthSummary,
  isTokenPlan,
  type ModelState,
  tauOf,
} from "../growth/index.ts";
import { Inference, type TokenBatch, uploadArrays } from "../inference/index.ts";
import {
  type CompleteModelConfig,
  countByGroup,
  givenOf,
  modelOf,
  sameProgram,
  tauRule,
  trainingFlopsOf,
} from "../model/index.ts";
import { type GrowthNow, withGrowthNow } from "./growth-now.ts";

/** Bytes a parameter takes while training: itself, its gradient and two moments, in float32. */
const BYTES_PER_PARAMETER = 16;

/**
 * Grows a checkpoint. The plan becomes part of its configuration, as one that was applied at its step, so that a run that goes on
 * from it knows of it.
 * @param inference the model of the checkpoint; it is left as it is
 * @param options `batch`, real text on which the logits before and after are compared, and `seed`, of the new tokens (default:
 * that of the training)
 * @throws UserError for a plan that cannot be, now or with those that are to come
 */
export async function growCheckpoint(
  inference: Inference,
  checkpoint: Checkpoint,
  plan: GrowthNow,
  { batch, seed = checkpoint.config.training.seed }: { readonly batch: TokenBatch; readonly seed?: number | undefined },
): Promise<{ checkpoint: Checkpoint; report: GrowthReport }> {
  const whole = withoutPart(checkpoint);
  const { config, state } = whole;
  // The lowest loss so far was another model's.
  const { best: _, ...progress } = whole.progress;
  const done = progress.growthsDone;
  const { scheduled, coming, config: planned } = withGrowthNow(config, done, plan, state.step);
  checkPlans(config.model, coming);
  const grown = await growMeasured(inference, state, scheduled, seed, batch);
  const applied = { ...whole, config: planned, progress: { ...progress, growthsDone: done + 1 } };
  return { checkpoint: withState(applied, grown.state), report: grown.report };
}

/**
 * Grows a state and compares the two models on text.
 * @param inference the model of the state; it is left as it is
 * @param batch real text, on which the logits before and after are compared
 */
export async function growMeasured(
  inference: Inference,
  state: ModelState,
  plan: GrowthPlan,
  seed: number,
  batch: TokenBatch,
): Promise<{ state: ModelState; report: GrowthReport }> {
  const { device } = inference;
  const grown = grow(state, plan, seed);
  const weights = { parameters: await uploadArrays(device, grown.parameters), given: givenOf(grown.config) };
  // The programs of the old model, where they serve both.
  const own = !sameProgram(state.config, grown.config);
  const after = own
    ? new Inference(device, modelOf(grown.config), weights.parameters, weights.given)
    : inference.with(weights);
  try {
    const models = { before: state.config, after: grown.config };
    return { state: grown, report: await growthReport({ before: inference, after }, models, plan, batch) };
  } finally {
    await freeQuietly(
      () => own && after.release(),
      () => device.dispose(weights.parameters.values()),
    );
  }
}

/** A model before and after growing. */
interface Pair<Model> {
  readonly before: Model;
  readonly after: Model;
}

/**
 * Compares a model with what it has grown to.
 * @param batch real text, on which the logits of both are compared
 */
export async function growthReport(
  inferences: Pair<Inference>,
  { before, after }: Pair<CompleteModelConfig>,
  plan: GrowthPlan,
  batch: TokenBatch,
): Promise<GrowthReport> {
  const shape = [batch.sequences, batch.context] as const;
  const logits = await inferences.before.logits(batch.tokens, shape);
  const grown = await inferences.after.logits(batch.tokens, shape);
  return {
    ...costs(inferences, { before, after }),
    ...difference(logits.data, grown.data),
    init: plan.init,
    ...(isTokenPlan(plan) && tauRule(before) !== "none" && { tau: tauOf(plan, before) }),
    summary: growthSummary(before, after, plan),
  };
}

/** What both models cost, by the parameters that they have, so that neither is traced for it. */
function costs(inferences: Pair<Inference>, models: Pair<CompleteModelConfig>) {
  const [before, after] = [inferences.before.parameters, inferences.after.parameters];
  const [parametersBefore, parametersAfter] = [countByGroup(before).total, countByGroup(after).total];
  return {
    parametersBefore,
    parametersAfter,
    flopsPerTokenBefore: trainingFlopsOf(models.before, before),
    flopsPerTokenAfter: trainingFlopsOf(models.after, after),
    memoryBefore: BYTES_PER_PARAMETER * parametersBefore,
    memoryAfter: BYTES_PER_PARAMETER * parametersAfter,
  };
}

function difference(before: ArrayLike<number | bigint>, after: ArrayLike<number | bigint>) {
  let [maxLogitDifference, logitScale] = [0, 0];
  for (let index = 0; index < before.length; index++) {
    const [old, now] = [Number(before[index]), Number(after[index])];
    maxLogitDifference = Math.max(maxLogitDifference, Math.abs(now - old));
    logitScale = Math.max(logitScale, Math.abs(old));
  }
  return { maxLogitDifference, logitScale };
}
