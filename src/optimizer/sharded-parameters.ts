/** What the kernels of `sharded-kernel.ts` are given, apart from them: a kernel is loaded in the device's thread alone. */

import type { Part } from "../cluster/portable.ts";
import type { AdamWParameters } from "./adamw-parameters.ts";
import type { PieceUpdate } from "./sharding.ts";

/** Some of the numbers of all parameters, which follow one another in the order of their names, in shared memory. */
export interface RangeParameters {
  readonly names: readonly string[];
  readonly range: Part;
  /** The numbers of the range, in memory that threads share. */
  readonly shared: Float32Array;
  /** Arrays of all numbers: what is given is added to them, and what is taken goes there too. */
  readonly others: readonly Float32Array[];
}

/** A place in an array that has what is this rank's own. */
export interface OwnParameters {
  readonly at: number;
  /** The numbers of this rank, in memory that threads share. */
  readonly shared: Float32Array;
}

/** Gradients of this rank, and what of them is updated. */
export interface KeptParameters extends OwnParameters {
  readonly pieces: readonly PieceUpdate[];
}

export interface ShardedStep extends Omit<AdamWParameters, "tensors" | "shared" | "clip" | "lossScale"> {
  /** What the gradients are multiplied by first. */
  readonly scale: number;
  readonly pieces: readonly PieceUpdate[];
}
