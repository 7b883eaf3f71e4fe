/**
 * AdamW on arrays, in place: the update of the CPU, run in the device's thread. `adamw.ts` has the same as a graph.
 *
 * A loop over arrays because ONNX Runtime's binding copies every output, and parameters and moments are three times the model.
 */

import type { HostData } from "../runtime/portable.ts";
import { type AdamWParameters, PREFIXES } from "./adamw-parameters.ts";
import { updateRange } from "./adamw-simd.ts";

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
    const own = {
      p: floats(arrays, PREFIXES.parameter + name),
      g: floats(arrays, PREFIXES.gradient + name),
      m: floats(arrays, PREFIXES.first + name),
      v: floats(arrays, PREFIXES.second + name),
    };
    const keep = 1 - step.learningRate * decay;
    for (const { start, end, correction1, correction2 } of rows) {
      const [rate, root] = [step.learningRate * correction1, Math.sqrt(correction2)];
      updateRange(own, start, end, { ...step, scale, keep, rate, root });
    }
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
