/** Log-probabilities of tokens. */

/** A token and its natural log-probability. */
export interface Alternative {
  readonly token: number;
  readonly logProbability: number;
}

/** A token with its log-probability and the most likely tokens at its place, the likeliest first. */
export interface TokenScore extends Alternative {
  readonly top: readonly Alternative[];
}

/**
 * The score of a token by the logits [V] it was chosen from: ln softmax, without temperature or any restriction. Where the
 * token is the most likely one, its log-probability is that of `top[0]` to the bit.
 * @param top how many of the most likely tokens to list; of equally likely ones, the first
 */
export function scoreToken(logits: Float32Array, token: number, top: number): TokenScore {
  const highest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - highest);
  const logTotal = highest + Math.log(sum);
  const scored = (id: number): Alternative => ({ token: id, logProbability: (logits[id] ?? Number.NaN) - logTotal });
  return { ...scored(token), top: mostLikely(logits, top).map(scored) };
}

/** Up to this many, keeping the best ones sorted on the way costs less than sorting all. */
const FEW = 512;

/** The ids of the `count` highest logits, the highest first; of equal ones, the lower id. */
export function mostLikely(logits: Float32Array, count: number): number[] {
  const value = (id: number) => logits[id] ?? Number.NaN;
  if (count > FEW) {
    const ids = Array.from(logits, (_, id) => id);
    return ids.sort((a, b) => value(b) - value(a) || a - b).slice(0, count);
  }
  const best: number[] = [];
  let least = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    if (best.length === count && !(value(id) > least)) continue;
    let place = best.length;
    while (place > 0 && value(id) > value(best[place - 1] ?? 0)) place--;
    best.splice(place, 0, id);
    if (best.length > count) best.pop();
    least = value(best.at(-1) ?? 0);
  }
  return best;
}
