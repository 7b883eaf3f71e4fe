/** Arrays with other entries along an axis, each made of the old ones. */

import { elementCount } from "../element-count.ts";
import type { Random } from "../random.ts";
import type { HostArray } from "./state.ts";

/** What an entry along an axis is: `factor` times an old one, the mean of all old ones, or a draw from N(0, 1). */
export interface Line {
  readonly of: number | "mean" | "draw";
  readonly factor: number;
}

/** The array with the entries along `axis` that `lines` say. */
export function relined(array: HostArray, axis: number, lines: readonly Line[], random: Random): HostArray {
  const old = array.shape[axis] ?? 0;
  const inner = elementCount(array.shape.slice(axis + 1));
  const outer = elementCount(array.shape.slice(0, axis));
  const means = lines.some(({ of }) => of === "mean") ? meansAlong(array.data, outer, old, inner) : undefined;
  const data = new Float32Array(outer * lines.length * inner);
  let next = 0;
  for (let block = 0; block < outer; block++) {
    for (const { of, factor } of lines) {
      for (let index = 0; index < inner; index++) {
        const value =
          of === "draw"
            ? random.normal()
            : of === "mean"
              ? means?.[block * inner + index]
              : array.data[(block * old + of) * inner + index];
        data[next++] = factor * (value ?? Number.NaN);
      }
    }
  }
  return { shape: array.shape.with(axis, lines.length), data };
}

function meansAlong(data: Float32Array, outer: number, length: number, inner: number): Float64Array {
  const means = new Float64Array(outer * inner);
  for (let block = 0; block < outer; block++) {
    for (let entry = 0; entry < length; entry++) {
      for (let index = 0; index < inner; index++) {
        const at = block * inner + index;
        means[at] = (means[at] ?? 0) + (data[(block * length + entry) * inner + index] ?? 0) / length;
      }
    }
  }
  return means;
}

/**
 * More units of a layer: the old ones, and copies of randomly chosen ones. `shares` are for what sums over the units: those of
 * all copies of a unit, itself among them, sum to 1.
 */
export function copiesOf(old: number, total: number, random: Random): { copies: Line[]; shares: Line[] } {
  const sources = Array.from({ length: total }, (_, unit) => (unit < old ? unit : random.integer(old)));
  const draws = sources.map(() => 0.5 + random.uniform());
  const sums = new Float64Array(old);
  sources.forEach((source, unit) => {
    sums[source] = (sums[source] ?? 0) + (draws[unit] ?? 0);
  });
  return {
    copies: sources.map((source) => ({ of: source, factor: 1 })),
    shares: sources.map((source, unit) => ({ of: source, factor: (draws[unit] ?? 0) / (sums[source] ?? 1) })),
  };
}

/** Each unit's line for each of its channels. */
export function repeated(units: readonly Line[], channels: number): Line[] {
  return units.flatMap(({ of, factor }) =>
    Array.from({ length: channels }, (_, channel) => ({
      of: typeof of === "number" ? of * channels + channel : of,
      factor,
    })),
  );
}
