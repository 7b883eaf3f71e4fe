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
  const highest = highestOf(logits);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - highest);
  const logTotal = highest + Math.log(sum);
  const scored = (id: number): Alternative => ({ token: id, logProbability: (logits[id] ?? Number.NaN) - logTotal });
  return { ...scored(token), top: mostLikely(logits, top).map(scored) };
}

/** The highest of some logits. */
export function highestOf(logits: Float32Array): number {
  let highest = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) highest = Math.max(highest, logits[id] ?? Number.NaN);
  return highest;
}

/** Up to this many, keeping the best ones sorted on the way costs less than sorting all. */
export const FEW = 512;

/** The ids of the `count` highest logits, the highest first; of equal ones, the lower id. */
export function mostLikely(logits: Float32Array, count: number): number[] {
  if (count > FEW) return mostLikelySorted(logits, count);
  const value = (id: number) => logits[id] ?? Number.NaN;
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

/** Ids are below this: with the 32 bits of a logit, one is a whole number that float64 has. */
const IDS = 2 ** 21;

/** `mostLikely` of many. Numbers are sorted without a call for each comparison, which takes a tenth of the time. */
function mostLikelySorted(logits: Float32Array, count: number): number[] {
  const words = new Uint32Array(logits.map((logit) => 0 - logit).buffer);
  const keys = new Float64Array(words.length);
  for (let id = 0; id < words.length; id++) {
    const word = words[id] ?? 0;
    // In the order of the numbers whose bits they are: negative ones have their sign first, and the greater bits the less they are.
    const ordered = (word >>> 31 === 1 ? ~word : word | (1 << 31)) >>> 0;
    keys[id] = ordered * IDS + id;
  }
  return Array.from(keys.sort().subarray(0, count), (key) => key % IDS);
}
