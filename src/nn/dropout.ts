/** Dropout whose mask is a function of a seed, so that a resumed run draws the masks of an uninterrupted one. */

import {
  add,
  at,
  type Dimension,
  div,
  elements,
  extent,
  greaterOrEqual,
  mul,
  range,
  reshape,
  type Tensor,
  where,
} from "../tensor/index.ts";
import type { Scope } from "./scope.ts";

/** The name of the input that seeds all masks of a step: an int32 scalar. */
export const DROPOUT_SEED = "dropout.seed";

/** The name of the input that says how many sequences of the batch are in earlier parts: an int32 scalar. */
export const DROPOUT_FIRST = "dropout.first";

// Odd multipliers with well-spread bits: 2³² over the golden ratio, and two of MurmurHash3's finaliser.
const [WEYL, FIRST, SECOND] = [0x9e3779b1 | 0, 0x85ebca6b | 0, 0xc2b2ae35 | 0];

/**
 * Sets each element to zero with probability `rate` and divides the others by 1 - rate (Srivastava et al., 2014). The
 * identity outside training and at rate 0.
 * @param x [B, ...]: the mask of a sequence is the same whatever part of the batch it is in
 */
export function dropout(scope: Scope, x: Tensor, rate: number): Tensor {
  if (!(rate >= 0 && rate < 1))
    throw new RangeError(`dropout: the rate is ${rate}, expected a number from 0 to below 1`);
  if (!scope.training || rate === 0) return x;
  const threshold = Math.min(Math.round((rate - 0.5) * 2 ** 32), 2 ** 31 - 1);
  const kept = greaterOrEqual(randomBits(scope, x), threshold);
  return where(kept, mul(x, 1 / (1 - rate)), 0);
}

/**
 * Uniform int32 of x's shape by hashing (seed, call, row, column) with wrapping products, whose high bits are then folded
 * into the low ones by a division: operations that every device has.
 */
function randomBits(scope: Scope, x: Tensor): Tensor {
  const seed = scope.global(DROPOUT_SEED, [], "int32");
  const columns = at(x.shape, -1);
  const rows: Dimension = elements(x.shape.slice(0, -1));
  const call = add(mul(seed, FIRST), Math.imul(scope.unique() + 1, SECOND));
  const before = mul(scope.global(DROPOUT_FIRST, [], "int32"), extent(elements(x.shape.slice(1, -1)), "int32"));
  const row = mixed(add(mul(add(range(rows), before), WEYL), call));
  const column = mixed(add(mul(range(columns), SECOND), FIRST));
  const grid = add(reshape(row, [...x.shape.slice(0, -1), 1]), column);
  return mixed(grid);
}

/**
 * One round of hashing. x (2x + 1) is one to one (as in the cipher RC6), and unlike sums and multiples it does not keep the
 * difference of two numbers: without it the masks of rows, columns and calls would be shifted copies of each other.
 */
function mixed(bits: Tensor): Tensor {
  const square = mul(bits, add(add(bits, bits), 1));
  return mul(add(square, div(square, 1 << 16)), FIRST);
}
