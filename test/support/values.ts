/** Plain arrays with a shape: what tests give to programs, compute references with, and compare. */

import { expect } from "vitest";
import { Random } from "../../src/random.ts";
import type { DataType } from "../../src/tensor/index.ts";

/** Row-major numbers; a bool is 0 or 1. */
export interface Values {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

type Index = readonly number[];

export function values(shape: readonly number[], data: readonly number[], dtype: DataType = "float32"): Values {
  if (data.length !== size(shape)) throw new Error(`${data.length} numbers do not fill [${shape}]`);
  return { dtype, shape, data };
}

/** The array whose element at an index is `element(index)`, which must not keep the index: the next one is in the same array. */
export function generate(
  shape: readonly number[],
  element: (index: Index) => number,
  dtype: DataType = "float32",
): Values {
  const count = size(shape);
  const data: number[] = [];
  // One array, which counts on from element to element: central differences make references of millions of elements.
  const index = shape.map(() => 0);
  while (data.length < count) {
    data.push(element(index));
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      index[axis] = next === shape[axis] ? 0 : next;
      if (next !== shape[axis]) break;
    }
  }
  return { dtype, shape, data };
}

/** The element at an index, by NumPy's rule of broadcasting: leading axes are dropped, axes of size 1 repeat. */
export function read({ shape, data }: Values, index: Index): number {
  const leading = index.length - shape.length;
  let offset = 0;
  for (let axis = 0; axis < shape.length; axis++) {
    const length = at(shape, axis);
    offset = offset * length + (length === 1 ? 0 : at(index, axis + leading));
  }
  return at(data, offset);
}

/** Normal numbers of a stream that the keys name, rounded to what float32 holds. */
export function normal(key: string, shape: readonly number[], deviation = 1): Values {
  const random = Random.from("test", key);
  return generate(shape, () => Math.fround(deviation * random.normal()));
}

/** Numbers between two bounds, rounded to what float32 holds. */
export function uniform(key: string, shape: readonly number[], low: number, high: number): Values {
  const random = Random.from("test", key);
  return generate(shape, () => Math.fround(low + (high - low) * random.uniform()));
}

/** Whole numbers from 0 to below a bound, as int32. */
export function integers(key: string, shape: readonly number[], bound: number): Values {
  const random = Random.from("test", key);
  return generate(shape, () => random.integer(bound), "int32");
}

/** Expects dtype and shape to be equal, and no element to be off by more than the tolerance times the largest finite one expected. */
export function expectClose(actual: Values, expected: Values, tolerance: number, label = "values"): void {
  const type = ({ dtype, shape }: Values) => `${label}: ${dtype}[${shape}]`;
  expect(type(actual)).toBe(type(expected));
  const finite = expected.data.filter((value) => Number.isFinite(value));
  const scale = finite.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) || 1;
  const errors = expected.data.map((value, offset) => distance(at(actual.data, offset), value) / scale);
  const worst = errors.reduce((found, error, offset) => (error > at(errors, found) ? offset : found), 0);
  if ((errors[worst] ?? 0) <= tolerance) return;
  const [got, wanted] = [at(actual.data, worst), at(expected.data, worst)];
  expect.fail(
    `${label}[${indexOf(worst, expected.shape)}] is ${got}, expected ${wanted}: ` +
      `off by ${at(errors, worst)} of the scale ${scale}, more than ${tolerance}`,
  );
}

export function at(numbers: readonly number[], offset: number): number {
  const value = numbers[offset];
  if (value === undefined) throw new Error(`no element ${offset} in ${numbers.length}`);
  return value;
}

export function size(shape: readonly number[]): number {
  let product = 1;
  for (const length of shape) product *= length;
  return product;
}

function indexOf(offset: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  for (const length of shape.toReversed()) {
    index.unshift(offset % length);
    offset = Math.floor(offset / length);
  }
  return index;
}

// NaN is far from everything.
function distance(a: number, b: number): number {
  if (a === b) return 0;
  const difference = Math.abs(a - b);
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
}
