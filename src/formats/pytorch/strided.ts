/** Tensors as PyTorch stores them: a window into a storage that other tensors may share. */

import { elementCount } from "../../element-count.ts";

/** Where the elements of a tensor are: element `[i, j, …]` is at `offset + i strides[0] + j strides[1] + …`. */
export interface Strided {
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** How many elements of a storage a tensor covers, from its first to its last. */
export function spanOf({ shape, strides }: Strided): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((last, size, axis) => last + (size - 1) * (strides[axis] ?? 0), 1);
}

/** Whether the elements lie row by row without gaps. */
export function isContiguous({ shape, strides }: Strided): boolean {
  let expected = 1;
  return shape.toReversed().every((size, fromLast) => {
    const stride = strides[strides.length - 1 - fromLast];
    if (size !== 1 && stride !== expected) return false;
    expected *= size;
    return true;
  });
}

/** The elements row by row, from the part of the storage that the tensor covers. */
export function gather(span: Float32Array, { shape, strides }: Strided): Float32Array {
  const target = new Float32Array(elementCount(shape));
  const index = shape.map(() => 0);
  let position = 0;
  for (let element = 0; element < target.length; element++) {
    target[element] = span[position] ?? Number.NaN;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      position += strides[axis] ?? 0;
      index[axis] = next;
      if (next < (shape[axis] ?? 0)) break;
      position -= next * (strides[axis] ?? 0);
      index[axis] = 0;
    }
  }
  return target;
}
