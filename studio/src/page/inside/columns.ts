/** Parameter tokens as columns of a picture: one each, or some neighbours of one generation together where they are many. */

import type { SiteWeights } from "../../engine/api.ts";

export interface Column {
  /** Its parameter tokens, from `from` to before `to`. */
  readonly from: number;
  readonly to: number;
  readonly born: number;
}

/** Parameter tokens that were born together, side by side. */
export interface Band extends Column {
  readonly columns: number;
}

export interface Columns {
  /** Parameter tokens of a column, at most. */
  readonly each: number;
  readonly columns: readonly Column[];
  readonly bands: readonly Band[];
}

/** @param most columns that fit */
export function columnsOf({ born }: SiteWeights, most: number): Columns {
  const generations = generationsOf(born);
  const each = Math.max(1, Math.ceil(born.length / Math.max(1, most)));
  const split = generations.map((generation) => ({ generation, columns: splitUp(generation, each) }));
  return {
    each,
    columns: split.flatMap(({ columns }) => columns),
    bands: split.map(({ generation, columns }) => ({ ...generation, columns: columns.length })),
  };
}

function generationsOf(born: Int32Array): Column[] {
  const starts = [...born.keys()].filter((token) => token === 0 || born[token] !== born[token - 1]);
  return starts.map((from, index) => ({ from, to: starts[index + 1] ?? born.length, born: born[from] ?? 0 }));
}

function splitUp({ from, to, born }: Column, each: number): Column[] {
  return Array.from({ length: Math.ceil((to - from) / each) }, (_, index) => {
    const start = from + index * each;
    return { from: start, to: Math.min(start + each, to), born };
  });
}

/** The strongest weight of each column for each token of the text, with its sign [T, columns]. */
export function strongest({ weights, parameterTokens }: SiteWeights, columns: readonly Column[]): Float32Array {
  const rows = weights.length / parameterTokens;
  const result = new Float32Array(rows * columns.length);
  for (let row = 0; row < rows; row++) {
    for (const [index, { from, to }] of columns.entries()) {
      let best = 0;
      for (let token = from; token < to; token++) {
        const weight = weights[row * parameterTokens + token] ?? 0;
        if (Math.abs(weight) > Math.abs(best)) best = weight;
      }
      result[row * columns.length + index] = best;
    }
  }
  return result;
}

/** The size that nearly all weights stay below: what a few large ones beyond would otherwise take all contrast from. */
export function nearlyLargest(values: Float32Array, share = 0.995): number {
  const sizes = Float32Array.from(values, Math.abs).sort();
  return sizes[Math.floor((sizes.length - 1) * share)] || sizes.at(-1) || 1;
}
