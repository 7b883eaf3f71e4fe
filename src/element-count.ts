/** The number of elements of a tensor of `shape`: 1 for a scalar, `[]`. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
