/** AdamW where the moments are divided among ranks: what is done in the device's thread. */

import type { HostData } from "../runtime/portable.ts";
import { leaveOut, updateRows } from "./adamw-kernel.ts";
import { PREFIXES } from "./adamw-parameters.ts";
import { addGradients } from "./adamw-simd.ts";
import { floats } from "./exchange-kernel.ts";
import type { KeptParameters, OwnParameters, RangeParameters, ShardedStep } from "./sharded-parameters.ts";

type Arrays = Readonly<Record<string, HostData>>;

/** The name of an array that is a rank's own. */
const OWN = "own";

/** Copies a range of arrays into shared memory, and adds what others have there. */
export function giveRange(arrays: Arrays, { others, ...given }: RangeParameters): undefined {
  for (const [piece, part] of overlaps(arrays, given)) part.set(piece);
  const { start, end } = given.range;
  if (others.length > 0) {
    addGradients(
      given.shared,
      others.map((other) => other.subarray(start, end)),
    );
  }
}

/** Copies a range out of shared memory. */
export function takeRange(arrays: Arrays, { others, ...given }: RangeParameters): undefined {
  for (const [piece, part] of overlaps(arrays, given)) piece.set(part);
  for (const other of others) other.set(given.shared, given.range.start);
}

/** Keeps own gradients of what is updated. Returns the sum of their squares. */
export function keepGradients(arrays: Arrays, { at, shared, pieces }: KeptParameters): number {
  const all = floats(arrays, OWN);
  const own = all.subarray(at, at + shared.length);
  own.set(shared);
  for (const piece of pieces) leaveOut(all.subarray(piece.at, piece.at + piece.end - piece.start), piece.rows);
  return addGradients(own, []);
}

/** Copies what is this rank's own into shared memory. */
export function giveOwn(arrays: Arrays, { at, shared }: OwnParameters): undefined {
  shared.set(floats(arrays, OWN).subarray(at, at + shared.length));
}

/** Updates what is this rank's own, in place. */
export function updateOwn(arrays: Arrays, { scale, pieces, ...step }: ShardedStep): undefined {
  const [g, m, v] = [PREFIXES.gradient, PREFIXES.first, PREFIXES.second].map((prefix) => floats(arrays, prefix));
  if (g === undefined || m === undefined || v === undefined) throw new Error("internal: three arrays");
  for (const { name, start, end, at, ...update } of pieces) {
    const own = (array: Float32Array) => array.subarray(at, at + end - start);
    const p = floats(arrays, PREFIXES.parameter + name).subarray(start, end);
    updateRows({ p, g: own(g), m: own(m), v: own(v) }, update, step, scale);
  }
}

/** The pieces of arrays that make a range, each with its part of the shared memory. */
function* overlaps(arrays: Arrays, { names, range: { start, end }, shared }: Omit<RangeParameters, "others">) {
  let offset = 0;
  for (const name of names) {
    const array = floats(arrays, name);
    const [from, to] = [Math.max(start, offset), Math.min(end, offset + array.length)];
    if (from < to)
      yield [array.subarray(from - offset, to - offset), shared.subarray(from - start, to - start)] as const;
    offset += array.length;
  }
}
