/** The mathematics of layers in plain float64, as the papers write it: rows of numbers, a function a formula. */

import { at } from "./values.ts";

export type Row = readonly number[];
export type Matrix = readonly Row[];

/** An array of rows: what a reference needs of a tensor. */
export interface Table {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
  /** The numbers as rows, where they are to be changed, or read often. */
  readonly rows?: number[][];
}

/** The rows of a tensor [..., C]; a vector is one row. */
export function matrix({ shape, data, rows }: Table): Matrix {
  return rows ?? parts(Array.from(data), shape.at(-1) ?? 1);
}

/** A table that keeps its rows. */
export function withRows({ shape, data }: Table): Table & { readonly rows: number[][] } {
  return { shape, data, rows: parts(Array.from(data), shape.at(-1) ?? 1) };
}

export function item<Item>(items: readonly Item[], index: number): Item {
  const found = items.at(index);
  if (found === undefined) throw new Error(`no item ${index} in ${items.length}`);
  return found;
}

/** Consecutive parts of `length` items. */
export function parts<Item>(items: readonly Item[], length: number): Item[][] {
  return Array.from({ length: items.length / length }, (_, part) => items.slice(part * length, (part + 1) * length));
}

export function total(x: Row): number {
  let sum = 0;
  for (const value of x) sum += value;
  return sum;
}

/** A loop, as nearly all the time of central differences is spent here and in `times`. What is missing makes it no number. */
function dot(a: Row, b: Row): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] ?? Number.NaN) * (b[index] ?? Number.NaN);
  return sum;
}

/** A Bᵀ: each row of A with each row of B. */
export const timesTransposed = (a: Matrix, b: Matrix): Matrix => a.map((row) => b.map((other) => dot(row, other)));

export const transposed = (a: Matrix): Matrix => item(a, 0).map((_, column) => a.map((row) => at(row, column)));

/** A B: for each row of A, the sum of B's rows times its numbers. */
export const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((weights) =>
    item(b, 0).map((_, column) => {
      let sum = 0;
      for (let index = 0; index < weights.length; index++)
        sum += (weights[index] ?? Number.NaN) * (b[index]?.[column] ?? Number.NaN);
      return sum;
    }),
  );

/** A + B; a B of one row is added to each row. */
export const plus = (a: Matrix, b: Matrix): Matrix =>
  a.map((row, index) => row.map((value, column) => value + at(item(b, b.length === 1 ? 0 : index), column)));

/** erf x = 2/√π e^(-x²) Σ 2ⁿ x²ⁿ⁺¹ / (1 · 3 · … · (2n + 1)). */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, series] = [x, 0];
  for (let n = 0; Math.abs(term) > 1e-18 * Math.abs(series); n++) {
    series += term;
    term *= (2 * x * x) / (2 * n + 3);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * series;
}

export const gelu = (x: number): number => (x * (1 + erf(x / Math.SQRT2))) / 2;

export function softmax(x: Row): Row {
  const highest = Math.max(...x);
  const weights = x.map((value) => Math.exp(value - highest));
  const sum = total(weights);
  return weights.map((weight) => weight / sum);
}

/** Mean cross-entropy of rows of logits, in nats. */
export function crossEntropy(logits: Matrix, targets: Row): number {
  return -total(logits.map((row, index) => Math.log(at(softmax(row), at(targets, index))))) / logits.length;
}

/** (x - mean) / √(variance + ε), then scaled and shifted. */
export function layerNorm(x: Matrix, scale?: Row, bias?: Row): Matrix {
  return x.map((row) => {
    const mean = total(row) / row.length;
    const variance = total(row.map((value) => (value - mean) ** 2)) / row.length;
    return row.map((value, channel) => {
      const normalised = (value - mean) / Math.sqrt(variance + 1e-5);
      return normalised * (scale === undefined ? 1 : at(scale, channel)) + (bias === undefined ? 0 : at(bias, channel));
    });
  });
}

export type Theta = "l2_norm_gelu" | "gelu_l2_norm" | "softmax";

/** τ x / ‖x‖; zeros stay zeros. */
function l2Normalised(x: Row, tau: number): Row {
  const norm = Math.sqrt(dot(x, x));
  return x.map((value) => (norm === 0 ? 0 : (tau * value) / norm));
}

/** Θ of a row of scores. */
export function theta(activation: Theta, scores: Row, tau: number): Row {
  switch (activation) {
    case "l2_norm_gelu":
      return l2Normalised(scores, tau).map(gelu);
    case "gelu_l2_norm":
      return l2Normalised(scores.map(gelu), tau);
    case "softmax":
      return softmax(scores).map((weight) => scores.length * weight);
  }
}

/** Θ(X Kᵀ) V. */
export function pattention(x: Matrix, keys: Matrix, values: Matrix, activation: Theta, tau: number): Matrix {
  const scores = timesTransposed(x, keys);
  return times(
    scores.map((row) => theta(activation, row, tau)),
    values,
  );
}

/** Channel c of the first half of the rotated ones turns with channel c of the second, by position · 10000^(-2c / rotated). */
export function rotary(x: Matrix, rotated: number): Matrix {
  const half = rotated / 2;
  const speeds = Array.from({ length: half }, (_, channel) => 10_000 ** ((-2 * channel) / rotated));
  return x.map((row, position) =>
    row.map((value, channel) => {
      if (channel >= rotated) return value;
      const angle = position * at(speeds, channel % half);
      const other = channel < half ? -at(row, channel + half) : at(row, channel - half);
      return value * Math.cos(angle) + other * Math.sin(angle);
    }),
  );
}

/** softmax(Q Kᵀ / √C) V for each head, each token looking at itself and those before it. */
export function causalAttention(
  { query, key, value }: { readonly query: Matrix; readonly key: Matrix; readonly value: Matrix },
  { heads, rotary: rotated }: { readonly heads: number; readonly rotary: number },
): Matrix {
  const channels = item(query, 0).length / heads;
  const byHead = Array.from({ length: heads }, (_, head) => {
    const own = (x: Matrix) => x.map((row) => row.slice(head * channels, (head + 1) * channels));
    const [q, k, v] = [rotary(own(query), rotated), rotary(own(key), rotated), own(value)];
    const weights = timesTransposed(q, k).map((row, time) => {
      const visible = softmax(row.slice(0, time + 1).map((score) => score / Math.sqrt(channels)));
      return row.map((_, other) => visible[other] ?? 0);
    });
    return times(weights, v);
  });
  return query.map((_, time) => byHead.flatMap((head) => item(head, time)));
}

/** Central differences of a function of numbers, which are changed and put back. In float64 the error is about 1e-10. */
export function differences(data: number[] | Float64Array, loss: () => number, step = 1e-5): number[] {
  return Array.from(data, (value, index) => {
    data[index] = value + step;
    const above = loss();
    data[index] = value - step;
    const below = loss();
    data[index] = value;
    return (above - below) / (2 * step);
  });
}
