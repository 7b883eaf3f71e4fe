/** Choosing the next token from logits. */

import { UserError } from "../errors.ts";
import type { Random } from "../random.ts";
import { decay } from "./decay.ts";
import { FEW, highestOf, mostLikely } from "./scores.ts";

/**
 * What may be drawn, and how likely it is. The options apply in this order: the repetition penalty, the frequency and the presence
 * penalty, the bias, the temperature, top-k, top-p of what top-k left, min-p.
 */
export interface SamplingOptions {
  /** Logits are divided by it before the softmax: below 1 is more cautious, above 1 more varied, 0 takes the most likely token. Default 1. */
  readonly temperature?: number | undefined;
  /** Only the k most likely tokens can be drawn. Default: all. */
  readonly topK?: number | undefined;
  /** Only the most likely tokens that together have this probability can be drawn. Default 1: all. */
  readonly topP?: number | undefined;
  /** Only tokens with this share of the most likely one's probability can be drawn. Default 0: all. */
  readonly minP?: number | undefined;
  /**
   * Above 1, tokens that occurred before become less likely: a positive logit is divided by it, a negative one multiplied
   * (CTRL, arXiv 1909.05858, section 4.1). Default 1: none.
   */
  readonly repetitionPenalty?: number | undefined;
  /**
   * Subtracted from a token's logit for each time that it was written; a negative one makes repetition more likely (OpenAI's API).
   * What is only in the prompt does not count. Default 0: none.
   */
  readonly frequencyPenalty?: number | undefined;
  /** Subtracted once from the logit of each token that was written (OpenAI's API). Default 0: none. */
  readonly presencePenalty?: number | undefined;
  /** Added to the logits of tokens, by id; −∞ rules one out. Default: none. */
  readonly logitBias?: ReadonlyMap<number, number> | undefined;
}

/** The tokens that came before the one that is drawn, for the penalties. */
export interface EarlierTokens {
  /** All tokens of the text, with its prompt. */
  readonly before: Iterable<number>;
  /** The tokens that were written after the prompt. */
  readonly written: Iterable<number>;
}

/**
 * Draws a token id from the logits [V] of the next token. The first of equally likely ones counts as more likely.
 * @param earlier the tokens that occurred, for the penalties. Default: none.
 * @throws UserError for logits that are no numbers, a bias that is NaN or +∞, and where biases leave no token
 */
export function sampleToken(
  logits: Float32Array,
  options: SamplingOptions,
  random: Random,
  earlier: EarlierTokens = { before: [], written: [] },
): number {
  const { temperature = 1, topK = logits.length, topP = 1, minP = 0 } = options;
  const changed = changedLogits(logits, options, earlier);
  const highest = highestOf(changed);
  if (!Number.isFinite(highest)) throw new UserError(undrawable(logits, highest));
  if (temperature === 0 || topK === 1) return changed.indexOf(highest);
  const weights = weightsOf(changed, highest, temperature);
  if (topK >= logits.length && topP === 1 && minP === 0) return draw(weights, random);
  const ids = candidates(changed, weights, { topK, topP, minP });
  return ids[draw(new Float64Array(ids.map((id) => weights[id] ?? 0)), random)] ?? 0;
}

/** Why nothing can be drawn: the highest logit is no finite number after penalties and bias. */
function undrawable(logits: Float32Array, highest: number): string {
  const own = highestOf(logits);
  if (!Number.isFinite(own)) {
    return `the model's logits are not numbers: the highest is ${own}, expected a finite one; take weights from before training diverged`;
  }
  if (highest < own) return "no token is left to draw: logitBias rules all of them out; leave one at least";
  return `penalties and logitBias make a logit ${highest}, expected a finite one; give smaller ones`;
}

/** exp((logit − highest) / temperature) of each: a server makes these of the whole vocabulary for each token of each client. */
function weightsOf(logits: Float32Array, highest: number, temperature: number): Float64Array {
  const weights = new Float64Array(logits.length);
  for (let id = 0; id < logits.length; id++) {
    weights[id] = decay((highest - (logits[id] ?? Number.NaN)) / temperature);
  }
  return weights;
}

/** Logits after penalties and bias; the same array where there are none. */
function changedLogits(logits: Float32Array, options: SamplingOptions, { before, written }: EarlierTokens) {
  const { repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0, logitBias } = options;
  const penalised = frequencyPenalty !== 0 || presencePenalty !== 0;
  if (repetitionPenalty === 1 && !penalised && logitBias === undefined) return logits;
  const result = logits.slice();
  const change = (token: number, to: (logit: number) => number) => {
    const logit = result[token];
    if (logit !== undefined) result[token] = to(logit);
  };
  if (repetitionPenalty !== 1) {
    for (const token of new Set(before)) {
      change(token, (logit) => (logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty));
    }
  }
  if (penalised) {
    for (const [token, count] of counts(written)) {
      change(token, (logit) => logit - count * frequencyPenalty - presencePenalty);
    }
  }
  for (const [token, bias] of logitBias ?? []) {
    if (!(bias < Number.POSITIVE_INFINITY)) {
      throw new UserError(
        `logitBias of token ${token} is ${bias}, expected a number; 100 makes a token all but certain`,
      );
    }
    change(token, (logit) => logit + bias);
  }
  return result;
}

/** How often each token occurs. */
function counts(tokens: Iterable<number>): Map<number, number> {
  const found = new Map<number, number>();
  for (const token of tokens) found.set(token, (found.get(token) ?? 0) + 1);
  return found;
}

/** Ids that can be drawn, the most likely first. The highest weight is 1. */
function candidates(
  logits: Float32Array,
  weights: Float64Array,
  options: { topK: number; topP: number; minP: number },
) {
  const { topK, topP, minP } = options;
  const weight = (id: number) => weights[id] ?? 0;
  const sum = (ids: readonly number[]) => ids.reduce((total, id) => total + weight(id), 0);
  const limited = topK < logits.length ? mostLikely(logits, topK) : undefined;
  const total = limited === undefined ? weights.reduce((a, b) => a + b, 0) : sum(limited);
  // Mostly few tokens have most of the probability, and finding these takes far less than ordering all.
  for (let count = 64; ; count = count < FEW ? 8 * count : logits.length) {
    const ids = limited ?? mostLikely(logits, count);
    const end = shareEnd(ids, weight, topP * total);
    const complete = limited !== undefined || end !== undefined || count >= logits.length;
    if (complete) return ids.slice(0, topP === 1 ? undefined : end).filter((id) => weight(id) >= minP);
    if (weight(ids.at(-1) ?? 0) < minP) return ids.filter((id) => weight(id) >= minP);
  }
}

/** How many of the first ids have a share of the weight. `undefined`: all of them do not. */
function shareEnd(ids: readonly number[], weight: (id: number) => number, share: number): number | undefined {
  let sum = 0;
  const last = ids.findIndex((id) => {
    sum += weight(id);
    return sum >= share;
  });
  return last < 0 ? undefined : last + 1;
}

/** Draws an index by the weights. */
function draw(weights: Float64Array, random: Random): number {
  let total = 0;
  for (let index = 0; index < weights.length; index++) total += weights[index] ?? 0;
  let left = random.uniform() * total;
  for (let index = 0; index < weights.length; index++) {
    left -= weights[index] ?? 0;
    if (left < 0) return index;
  }
  return weights.length - 1;
}
