/** Pruning a model that is on a device, and measuring what that did. */

import { freeQuietly } from "../freeing.ts";
import { type ModelState, type PruneOptions, prune } from "../growth/index.ts";
import { type Inference, type TokenBatch, uploadArrays } from "../inference/index.ts";
import { median } from "../median.ts";
import { countParameters, givenOf, sites } from "../model/index.ts";
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
  /** The speed of evaluation: the median of some rounds in which both models take turns on one batch. */
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
 * @param inference the model of the state; it is left as it is
 * @throws UserError as `prune` does
 */
export async function pruneMeasured(
  inference: Inference,
  state: ModelState,
  options: PruneOptions,
  { calibration, validation }: PruneTexts,
): Promise<{ state: ModelState; report: PruneReport }> {
  const pruned = prune(state, await measureUsage(inference, calibration), options);
  const parameters = await uploadArrays(inference.device, pruned.parameters);
  try {
    const after = inference.with({ parameters, given: givenOf(pruned.config) });
    const { loss: lossAfter } = await after.evaluate(validation);
    const { loss: lossBefore } = await inference.evaluate(validation);
    const report: PruneReport = {
      ...options,
      parametersBefore: countParameters(state.config).total,
      parametersAfter: countParameters(pruned.config).total,
      tokensBefore: parameterTokens(state),
      tokensAfter: parameterTokens(pruned),
      lossBefore,
      lossAfter,
      ...(await speedsOf(inference, after, validation)),
    };
    return { state: pruned, report };
  } finally {
    await freeQuietly(() => inference.device.dispose(parameters.values()));
  }
}

/** Tokens a second of both, in turns, so that what else the machine does meets both alike. */
async function speedsOf(before: Inference, after: Inference, validation: readonly TokenBatch[]) {
  const batch = validation.slice(0, 1);
  const tokens = batch.reduce((sum, { sequences, context }) => sum + sequences * context, 0);
  const speed = async (inference: Inference) => {
    const startedAt = performance.now();
    await inference.evaluate(batch);
    return tokens / ((performance.now() - startedAt) / 1000);
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
