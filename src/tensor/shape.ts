/** Shapes with symbolic dimensions: printing, comparison, broadcasting. */

import { type Dimension, evaluateDimension, multiplyDimensions, printDimension, sameDimension } from "./dimension.ts";

export type Shape = readonly Dimension[];

export type DataType = "float32" | "int32" | "int64" | "bool";

/** The numbers of the types that do not have all: whole ones, at least the first and below the second. */
const wholeNumbers = { int32: [-(2 ** 31), 2 ** 31], int64: [-(2 ** 63), 2 ** 63], bool: [0, 2] } as const;

/** Throws `where` and why for a number that a type does not have. Float32 has all, rounded. */
export function checkNumber(value: number, dtype: DataType, where = ""): void {
  if (dtype === "float32") return;
  const [least, above] = wholeNumbers[dtype];
  if (Number.isInteger(value) && least <= value && value < above) return;
  throw new Error(
    `${where}${value} is no ${dtype}: expected a whole number, at least ${least} and below ${above}; cast what it stands beside to float32`,
  );
}

/** Throws for a size that no axis has. */
export function checkSizes(shape: Shape): void {
  const wrong = shape.find((size) => typeof size === "number" && !(Number.isInteger(size) && size >= 0));
  if (wrong === undefined) return;
  throw new Error(`${printDimension(wrong)} is no size of an axis: expected a whole number of 0 or more`);
}

/** Throws for an operand of another type than float32, which is all that an operator takes. */
export function checkFloat({ dtype }: TensorType, name = "x"): void {
  if (dtype !== "float32") throw new Error(`${name} must be float32, got ${dtype}; cast it before`);
}

/** What is known of a tensor before a program runs. */
export interface TensorType {
  readonly dtype: DataType;
  readonly shape: Shape;
}

/** For example `float32[B, 64, 128]`. */
export function printType({ dtype, shape }: TensorType): string {
  return `${dtype}[${shape.map(printDimension).join(", ")}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, axis) => sameDimension(dimension, at(b, axis)));
}

/** The number of elements. */
export function elements(shape: Shape): Dimension {
  let known = 1;
  let unknown: Dimension = 1;
  for (const size of shape) {
    if (typeof size === "number") known *= size;
    else unknown = multiplyDimensions(unknown, size);
  }
  return multiplyDimensions(unknown, known);
}

/** The dimension of an axis; negative axes count from the end. Throws if there is no such axis. */
export function at(shape: Shape, axis: number): Dimension {
  const dimension = shape.at(axis);
  if (dimension === undefined) {
    throw new Error(`no axis ${axis} in a shape of rank ${shape.length} [${shape.map(printDimension).join(", ")}]`);
  }
  return dimension;
}

/** An axis as a number from 0 to rank - 1; negative axes count from the end. Throws `where` and why if there is none. */
export function normaliseAxis(axis: number, rank: number, where = ""): number {
  const normalised = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normalised < 0 || normalised >= rank) {
    throw new Error(`${where}axis ${axis} is out of range for rank ${rank}`);
  }
  return normalised;
}

/** The shape of an elementwise operation, by NumPy's rule. `undefined` if the shapes do not broadcast. */
export function broadcast(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const result: Dimension[] = [];
  for (let axis = -rank; axis < 0; axis++) {
    const left = a.at(axis) ?? 1;
    const right = b.at(axis) ?? 1;
    if (left === 1) result.push(right);
    else if (right === 1 || sameDimension(left, right)) result.push(left);
    else return undefined;
  }
  return result;
}

/** The sizes of a shape once every symbol has a value. */
export function concreteShape(shape: Shape, values: ReadonlyMap<string, number>): number[] {
  return shape.map((dimension) => evaluateDimension(dimension, values));
}
