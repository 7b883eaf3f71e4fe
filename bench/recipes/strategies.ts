/** Ways to start new parameter tokens that are tried as recipes: strategies of one's own, outside the library. */

import { defineGrowthStrategy, type HostArray, optionsWithDefaults } from "tokenformer";
import { withRows } from "tokenformer/growth";

/** By the path of a site: unit vectors [W] one after the other, for the values of its new tokens. */
export type Directions = ReadonlyMap<string, readonly Float64Array[]>;

/** One token for each channel of a site's output, whose value is that channel: the gradients of their keys tell which values help. */
export const PROBES = defineGrowthStrategy({
  name: "recipe:probes",
  options: optionsWithDefaults({}),
  preserves: true,
  tokens: ({ keys, values, site, added }) => {
    const grown = withRows(values, added);
    const width = values.data.length / site.tokens;
    for (let token = 0; token < added; token++) grown.data[(site.tokens + token) * width + (token % width)] = 1;
    return { keys: withRows(keys, added), values: grown };
  },
});

/**
 * Old keys doubled as k + ε and k − ε with half the value each (as in Net2Net, arXiv 1511.05641, but that the two noises cancel to
 * first order): scores keep their spread while their number doubles, so that τ grows by √2.
 */
export const ANTITHETIC = defineGrowthStrategy({
  name: "recipe:antithetic",
  options: optionsWithDefaults({ noise: 0.1 }),
  preserves: false,
  tokens: ({ keys, values, site, added, random }, { noise }) => {
    const [grownKeys, grownValues] = [withRows(keys, added), withRows(values, added)];
    const [channels, width] = [keys.data.length / site.tokens, values.data.length / site.tokens];
    for (let token = 0; token < Math.min(added, site.tokens); token++) {
      const size = rootMeanSquare(keys.data.subarray(token * channels, (token + 1) * channels));
      for (let channel = 0; channel < channels; channel++) {
        const [old, copy] = [token * channels + channel, (site.tokens + token) * channels + channel];
        const [key, step] = [keys.data[old] ?? 0, noise * size * random.normal()];
        grownKeys.data[old] = key + step;
        grownKeys.data[copy] = key - step;
      }
      for (let channel = 0; channel < width; channel++) {
        const half = (values.data[token * width + channel] ?? 0) / 2;
        grownValues.data[token * width + channel] = half;
        grownValues.data[(site.tokens + token) * width + channel] = half;
      }
    }
    return { keys: grownKeys, values: grownValues };
  },
  exactTau: ({ tau, tokens }, added) => tau * Math.sqrt((tokens + added) / tokens),
  refusal: ({ path, tokens }, added) =>
    added === tokens
      ? undefined
      : `recipe:antithetic doubles the ${tokens} tokens of ${path}, ${added} is another number`,
});

/** What `GRADIENT_VALUES` starts new values with, by the seed of the base. */
export const directionsOfBases = new Map<number, Directions>();

/** Zero keys, and values in the directions in which their keys have the largest gradients (GradMax, arXiv 2201.05125), of the usual length. */
export const GRADIENT_VALUES = defineGrowthStrategy({
  name: "recipe:gradient-values",
  options: optionsWithDefaults({ base: 0 }),
  preserves: true,
  tokens: ({ keys, values, site, added, initial }, { base }) => {
    const grown = withRows(values, added);
    const width = values.data.length / site.tokens;
    const length = Math.sqrt(width) * (initial.values.kind === "normal" ? initial.values.deviation : 0);
    const known = directionsOfBases.get(base)?.get(site.path) ?? [];
    for (let token = 0; token < added; token++) {
      const direction = known[token % known.length];
      if (direction === undefined) throw new Error(`internal: no directions for ${site.path}`);
      for (const [channel, part] of direction.entries())
        grown.data[(site.tokens + token) * width + channel] = length * part;
    }
    return { keys: withRows(keys, added), values: grown };
  },
});

/**
 * The directions in which the rows of a matrix [R, C] are longest together when it is multiplied from the left: its first left
 * singular vectors, by orthogonal iteration.
 */
export function leftSingularVectors({ shape, data }: HostArray, count: number): readonly Float64Array[] {
  const [rows = 0, columns = 0] = shape;
  const gram = Array.from({ length: rows }, (_, i) =>
    Float64Array.from({ length: rows }, (__, j) => {
      let sum = 0;
      for (let c = 0; c < columns; c++) sum += (data[i * columns + c] ?? 0) * (data[j * columns + c] ?? 0);
      return sum;
    }),
  );
  let vectors: readonly Float64Array[] = Array.from({ length: Math.min(count, rows) }, (_, index) =>
    Float64Array.from({ length: rows }, (__, row) => Math.sin(1 + row * (index + 1) * 0.7548776662466927)),
  );
  for (let round = 0; round < ROUNDS; round++) {
    vectors = orthonormal(vectors.map((vector) => Float64Array.from(gram, (row) => dot(row, vector))));
  }
  return vectors;
}

/** Rounds of orthogonal iteration. */
const ROUNDS = 60;

function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const done: Float64Array[] = [];
  for (const vector of vectors) {
    let left = vector;
    // Twice, as the first time leaves rounding errors behind.
    for (const other of [...done, ...done]) {
      const share = dot(left, other);
      left = left.map((value, index) => value - share * (other[index] ?? 0));
    }
    const length = Math.sqrt(dot(left, left));
    done.push(left.map((value) => value / (length || 1)));
  }
  return done;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (const [index, value] of a.entries()) sum += value * (b[index] ?? 0);
  return sum;
}

const rootMeanSquare = (x: Float32Array) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length);
