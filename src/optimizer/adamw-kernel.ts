/**
 * AdamW on arrays, in place: the update of the CPU, run in the device's thread. `adamw.ts` has the same as a graph.
 *
 * A loop over arrays because ONNX Runtime's binding copies every output, and parameters and moments are three times the model.
 */

import type { HostData } from "../runtime/portable.ts";
import { type AdamWParameters, clipFactor, PREFIXES, type RowUpdate, type TensorUpdate } from "./adamw-parameters.ts";
import { addGradients, type ParameterArrays, type Program, updateRange } from "./adamw-simd.ts";
import { floats, give } from "./exchange-kernel.ts";

/**
 * One step. Rows that no `RowUpdate` covers stay as they are, moments included, and their gradients do not count. If the gradients are
 * not finite, nothing is changed.
 * @returns the global norm of the gradients, before clipping
 */
export function adamwStep(arrays: Readonly<Record<string, HostData>>, step: AdamWParameters): number {
  const { gradients = [], weights } = step.shared ?? {};
  let [squares, start] = [0, 0];
  for (const { name, rows } of step.tensors) {
    const g = floats(arrays, PREFIXES.gradient + name);
    const [from, to] = [start, start + g.length];
    const all = addGradients(
      g,
      gradients.map((shared) => shared.subarray(from, to)),
    );
    squares += leaveOut(g, rows) ? addGradients(g, []) : all;
    start = to;
  }
  const norm = Math.sqrt(squares) / step.lossScale;
  if (!Number.isFinite(norm)) return norm;
  const scale = clipFactor(norm, step.clip) / step.lossScale;
  for (const { name, decay, rows } of step.tensors) {
    const own = {
      p: floats(arrays, PREFIXES.parameter + name),
      g: floats(arrays, PREFIXES.gradient + name),
      m: floats(arrays, PREFIXES.first + name),
      v: floats(arrays, PREFIXES.second + name),
    };
    updateRows(own, { decay, rows }, step, scale);
  }
  if (weights !== undefined) {
    const names = step.tensors.map(({ name }) => PREFIXES.parameter + name);
    give(arrays, { names, shared: weights, adding: false });
  }
  return norm;
}

/**
 * Makes gradients of rows that are not updated zero, so that they do not clip those of others.
 * @returns whether there are any
 */
export function leaveOut(g: Float32Array, rows: readonly Pick<RowUpdate, "start" | "end">[]): boolean {
  let [from, isLeft] = [0, false];
  for (const { start, end } of [...rows, { start: g.length, end: g.length }]) {
    if (start > from) {
      g.fill(0, from, start);
      isLeft = true;
    }
    from = end;
  }
  return isLeft;
}

/**
 * Updates rows of a parameter, its gradient multiplied by `scale` first.
 * @param shared the program in the memory that has all arrays, if there is one
 */
export function updateRows(
  own: ParameterArrays,
  { decay, rows }: TensorUpdate,
  step: Pick<AdamWParameters, "learningRate" | "beta1" | "beta2" | "epsilon">,
  scale: number,
  shared?: Program,
): void {
  const keep = 1 - step.learningRate * decay;
  for (const { start, end, rate: factor, correction1, correction2 } of rows) {
    const [rate, root] = [step.learningRate * factor * correction1, Math.sqrt(correction2)];
    updateRange(own, start, end, { ...step, scale, keep, rate, root }, shared);
  }
}

/** Adds gradients to a sum, in place: for the second and later micro-batches of a step. */
export function accumulate(arrays: Readonly<Record<string, HostData>>, names: readonly string[]): undefined {
  for (const name of names) {
    addGradients(floats(arrays, `sum:${name}`), [floats(arrays, PREFIXES.gradient + name)]);
  }
}
