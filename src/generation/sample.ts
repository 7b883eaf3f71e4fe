/** Choosing the next token from logits. */

import type { Random } from "../random.ts";

export interface SamplingOptions {
  /** Logits are divided by it before the softmax: below 1 is bolder, 0 takes the most likely token. Default 1. */
  readonly temperature?: number;
  /** Only the k most likely tokens can be drawn. Default: all. */
  readonly topK?: number;
  /** Only the most likely tokens that together have this probability can be drawn. Default 1: all. */
  readonly topP?: number;
}

/** Draws a token id from the logits [V] of the next token. The first of equally likely ones counts as more likely. */
export function sampleToken(logits: Float32Array, options: SamplingOptions, random: Random): number {
  const { temperature = 1, topK = logits.length, topP = 1 } = options;
  if (temperature === 0 || topK === 1) return mostLikely(logits);
  const highest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  let candidates = Array.from(logits, (logit, id) => ({ id, weight: Math.exp((logit - highest) / temperature) }));
  if (topK < logits.length || topP < 1) {
    candidates.sort((a, b) => b.weight - a.weight || a.id - b.id);
    candidates = nucleus(candidates.slice(0, topK), topP);
  }
  let left = random.uniform() * candidates.reduce((sum, { weight }) => sum + weight, 0);
  for (const { id, weight } of candidates) {
    left -= weight;
    if (left < 0) return id;
  }
  return candidates.at(-1)?.id ?? 0;
}

/** The shortest beginning of the sorted candidates with at least the share `topP` of their weight. */
function nucleus<Candidate extends { readonly weight: number }>(sorted: Candidate[], topP: number): Candidate[] {
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0);
  let sum = 0;
  const end = sorted.findIndex(({ weight }) => {
    sum += weight;
    return sum >= topP * total;
  });
  return end < 0 ? sorted : sorted.slice(0, end + 1);
}

function mostLikely(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if ((logits[id] ?? 0) > (logits[best] ?? 0)) best = id;
  return best;
}
