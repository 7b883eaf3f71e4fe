/**
 * AdamW on arrays, in place: the update of the CPU, run in the device's thread. `adamw.ts` has the same as a graph.
 *
 * A loop over arrays because ONNX Runtime's binding copies every output, and parameters and moments are three times the model.
 */

import type { HostData } from "../runtime/index.ts";

/** Rows of a parameter that are updated alike. */
export interface RowUpdate {
  /** First element and the one after the last. */
  readonly start: number;
  readonly end: number;
  /** 1 / (1 - β₁ᵗ) and 1 / (1 - β₂ᵗ) at these rows' own count t. */
  readonly correction1: number;
  readonly correction2: number;
}

export interface AdamWParameters {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** The largest global norm of the gradients; larger ones are scaled down to it. */
  readonly clip: number;
  readonly tensors: readonly { readonly name: string; readonly decay: number; readonly rows: readonly RowUpdate[] }[];
}

/** The prefixes of the arrays' names: parameter, its gradient, and Adam's two moments. */
export const PREFIXES = { parameter: "p:", gradient: "g:", first: "m:", second: "v:" } as const;

/**
 * One step. Rows that no `RowUpdate` covers stay as they are, moments included. If the gradients are not finite, nothing is
 * changed.
 * @returns the global norm of the gradients, before clipping
 */
export function adamwStep(arrays: Readonly<Record<string, HostData>>, step: AdamWParameters): number {
  let squares = 0;
  for (const { name } of step.tensors) squares += sumOfSquares(floats(arrays, PREFIXES.gradient + name));
  const norm = Math.sqrt(squares);
  if (!Number.isFinite(norm)) return norm;
  const scale = Math.min(1, step.clip / (norm + 1e-6));
  for (const { name, decay, rows } of step.tensors) {
    const p = floats(arrays, PREFIXES.parameter + name);
    const g = floats(arrays, PREFIXES.gradient + name);
    const m = floats(arrays, PREFIXES.first + name);
    const v = floats(arrays, PREFIXES.second + name);
    for (const row of rows) updateRows(p, g, m, v, row, step, scale, 1 - step.learningRate * decay);
  }
  return norm;
}

/** Adds gradients to a sum, in place: for the second and later micro-batches of a step. */
export function accumulate(arrays: Readonly<Record<string, HostData>>, names: readonly string[]): undefined {
  for (const name of names) {
    const sum = floats(arrays, `sum:${name}`);
    const g = floats(arrays, PREFIXES.gradient + name);
    for (let i = 0; i < sum.length; i++) sum[i] = at(sum, i) + at(g, i);
  }
}

function updateRows(
  p: Float32Array,
  g: Float32Array,
  m: Float32Array,
  v: Float32Array,
  { start, end, correction1, correction2 }: RowUpdate,
  { beta1, beta2, epsilon, learningRate }: AdamWParameters,
  scale: number,
  keep: number,
): void {
  const rate = learningRate * correction1;
  const root = Math.sqrt(correction2);
  for (let i = start; i < end; i++) {
    const gradient = at(g, i) * scale;
    const first = beta1 * at(m, i) + (1 - beta1) * gradient;
    const second = beta2 * at(v, i) + (1 - beta2) * gradient * gradient;
    m[i] = first;
    v[i] = second;
    p[i] = at(p, i) * keep - (rate * first) / (Math.sqrt(second) * root + epsilon);
  }
}

/** In float64, in four chains that the processor can overlap. */
function sumOfSquares(x: Float32Array): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = x.length - (x.length % 4);
  for (let i = 0; i < whole; i += 4) {
    a += at(x, i) ** 2;
    b += at(x, i + 1) ** 2;
    c += at(x, i + 2) ** 2;
    d += at(x, i + 3) ** 2;
  }
  for (let i = whole; i < x.length; i++) a += at(x, i) ** 2;
  return a + b + c + d;
}

/** An element within bounds; for the type checker, which cannot know that. */
function at(array: Float32Array, index: number): number {
  return array[index] ?? 0;
}

function floats(arrays: Readonly<Record<string, HostData>>, name: string): Float32Array {
  const array = arrays[name];
  if (!(array instanceof Float32Array)) throw new Error(`internal: no float32 array "${name}"`);
  return array;
}
