/**
 * AdamW by all threads that have computed gradients, each in its own part of all numbers: what is done in the thread of each device. The
 * state is in shared memory, in which AdamW's program computes. Each thread has the weights that it computes with to itself, as ONNX
 * Runtime's binding takes no shared memory.
 */

import { partOf } from "../cluster/portable.ts";
import type { HostData } from "../runtime/portable.ts";
import { leaveOut, updateRows } from "./adamw-kernel.ts";
import { clipFactor, PREFIXES } from "./adamw-parameters.ts";
import { ADAMW_SHARED_WASM } from "./adamw-shared-wasm.ts";
import { addGradients, moduleOf, programIn } from "./adamw-simd.ts";
import { floats, give, take } from "./exchange-kernel.ts";
import { piecesOf, updatesOfPieces } from "./sharding.ts";
import { meet, type TogetherParameters } from "./together-parameters.ts";

const module = moduleOf(ADAMW_SHARED_WASM);

/**
 * One step of this thread. If the gradients are not finite, nothing is changed.
 * @param arrays this thread's weights, and its gradients if it has any
 * @returns the global norm of the gradients of all threads, before clipping
 * @throws Error if another thread has failed: then nothing is changed either
 */
export function updateTogether(
  arrays: Readonly<Record<string, HostData>>,
  { state, meeting, member, working, adding, tensors, ...step }: TogetherParameters,
): number {
  const { weights, gradients, first, second, memory } = state;
  const shared = memory && programIn(memory, module);
  const [sums, ...others] = gradients;
  const named = (prefix: string) => tensors.map(({ name }) => prefix + name);
  const own = gradients[member];
  if (own !== undefined && member < working) give(arrays, { names: named(PREFIXES.gradient), shared: own, adding });
  meet(meeting, 1);
  const range = partOf(weights.length, { rank: member, size: gradients.length });
  const ranged = (array: Float32Array) => array.subarray(range.start, range.end);
  const lengths = new Map(tensors.map(({ name }) => [name, floats(arrays, PREFIXES.parameter + name).length]));
  const pieces = updatesOfPieces(piecesOf(lengths, range, range.start), tensors).map((update) => {
    const part = (array: Float32Array) => array.subarray(update.at, update.at + update.end - update.start);
    return { part, update };
  });
  const all = addGradients(ranged(sums), others.slice(0, working - 1).map(ranged), shared);
  const left = pieces.filter(({ part, update }) => leaveOut(part(sums), update.rows));
  meeting.squares[member] = left.length === 0 ? all : addGradients(ranged(sums), [], shared);
  meet(meeting, 2);
  const norm = Math.sqrt(meeting.squares.reduce((total, squares) => total + squares, 0)) / step.lossScale;
  if (!Number.isFinite(norm)) return norm;
  const scale = clipFactor(norm, step.clip) / step.lossScale;
  for (const { part, update } of pieces) {
    const numbers = { p: part(weights), g: part(sums), m: part(first), v: part(second) };
    updateRows(numbers, update, step, scale, shared);
  }
  meet(meeting, 3);
  take(arrays, { names: named(PREFIXES.parameter), shared: weights });
  return norm;
}
