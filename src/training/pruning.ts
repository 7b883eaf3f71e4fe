/** Pruning a model that is on a device, and measuring what that did. */

import { type ModelState, type PruneOptions, prune } from "../growth/index.ts";
import { median } from "../median.ts";
import { countParameters, givenOf, sites } from "../model/index.ts";
import { type Inference, type Tensors, type TokenBatch, uploadArrays } from "./inference.ts";
import { measureUsage } from "./usage.ts";

/** What pruning changed. */
export interface PruneReport extends PruneOptions {
  readonly parametersBefore: number;
  readonly parametersAfter: number;
  readonly tokensBefore: number;
  readonly tokensAfter: number;
  /** Mean loss on the validation text, in nats per token. */
  readonly lossBefore: number;
  readonly lossAfter: number;
  /** Of evaluation: medians of some rounds in which both models take turns on one batch. */
  readonly tokensPerSecondBefore: number;
  readonly tokensPerSecondAfter: number;
}

/** Texts to prune by. */
export interface PruneTexts {
  /** What the use of the tokens is measured on. */
  readonly calibration: Iterable<TokenBatch>;
  /** What both models are compared on; at least one batch. */
  readonly validation: readonly TokenBatch[];
}

/** Rounds of the comparison of speeds, after one that does not count. */
const ROUNDS = 7;

/**
 * Prunes a state by the use of its tokens on a text, and compares both models on another.
 * @param inference the model of the state; it is left with the weights and τ that it had
 * @throws UserError as `prune` does
 */
export async function pruneMeasured(
  inference: Inference,
  state: ModelState,
  options: PruneOptions,
  { calibration, validation }: PruneTexts,
): Promise<{ state: ModelState; report: PruneReport }> {
  const pruned = prune(state, await measureUsage(inference, calibration), options);
  const uploaded = await uploadArrays(inference.device, pruned.parameters);
  const both = [
    { parameters: inference.parameters, given: givenOf(state.config) },
    { parameters: uploaded, given: givenOf(pruned.config) },
  ] as const;
  const [before, after] = both;
  const lossAfter = await lossWith(inference, after, validation);
  const lossBefore = await lossWith(inference, before, validation);
  const speeds = await speedsOf(inference, both, validation);
  inference.use(before);
  await inference.device.dispose(uploaded.values());
  const report: PruneReport = {
    ...options,
    parametersBefore: countParameters(state.config).total,
    parametersAfter: countParameters(pruned.config).total,
    tokensBefore: parameterTokens(state),
    tokensAfter: parameterTokens(pruned),
    lossBefore,
    lossAfter,
    ...speeds,
  };
  return { state: pruned, report };
}

interface Weights {
  readonly parameters: Tensors;
  readonly given: ReadonlyMap<string, number>;
}

async function lossWith(inference: Inference, weights: Weights, batches: Iterable<TokenBatch>): Promise<number> {
  inference.use(weights);
  return (await inference.evaluate(batches)).loss;
}

/** Tokens a second of both, in turns, so that what else the machine does meets both alike. */
async function speedsOf(
  inference: Inference,
  [before, after]: readonly [Weights, Weights],
  validation: readonly TokenBatch[],
) {
  const batch = validation.slice(0, 1);
  const tokens = batch.reduce((sum, { sequences, context }) => sum + sequences * context, 0);
  const speed = async (weights: Weights) => {
    const begun = performance.now();
    await lossWith(inference, weights, batch);
    return tokens / ((performance.now() - begun) / 1000);
  };
  const rounds: { before: number; after: number }[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    rounds.push({ before: await speed(before), after: await speed(after) });
  }
  const counted = rounds.slice(1);
  return {
    tokensPerSecondBefore: median(counted.map((round) => round.before)),
    tokensPerSecondAfter: median(counted.map((round) => round.after)),
  };
}

function parameterTokens({ config }: ModelState): number {
  return sites(config).reduce((sum, { tokens }) => sum + tokens, 0);
}
