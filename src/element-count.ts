/** How many numbers there are in arrays. */

import { required } from "./required.ts";

/** The number of elements of a tensor of `shape`: 1 for a scalar, `[]`. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** How many numbers the arrays of some names have together. */
export function elementsOf(
  arrays: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  names: readonly string[],
): number {
  return names.reduce((sum, name) => sum + elementCount(required(arrays, name).shape), 0);
}
