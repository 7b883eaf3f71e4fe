/** Parameters counted by group. */

import { elementCount } from "../element-count.ts";

/** Parameter counts by group, which sum to the total. */
export interface ParameterCounts {
  readonly embedding: number;
  readonly attention: number;
  readonly feedForward: number;
  readonly norms: number;
  /** Parameters of the output layer: 0 where it is tied to the embedding. */
  readonly output: number;
  readonly total: number;
}

/**
 * Counts parameters by their names: `embedding.…`, `output.…`, `…Norm.…`, `….attention.…`; all others are of the feed-forward
 * layers.
 */
export function countByGroup(parameters: ReadonlyMap<string, { readonly shape: readonly number[] }>): ParameterCounts {
  const counts = { embedding: 0, attention: 0, feedForward: 0, norms: 0, output: 0 };
  for (const [name, { shape }] of parameters) counts[groupOf(name)] += elementCount(shape);
  return { ...counts, total: Object.values(counts).reduce((sum, n) => sum + n) };
}

function groupOf(name: string): Exclude<keyof ParameterCounts, "total"> {
  if (name.startsWith("embedding.")) return "embedding";
  if (name.startsWith("output.")) return "output";
  if (name.includes("Norm.")) return "norms";
  return name.includes(".attention.") ? "attention" : "feedForward";
}
