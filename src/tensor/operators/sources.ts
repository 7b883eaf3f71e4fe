/** Operators without inputs: what a program is given, and constants. */

import type { Dimension } from "../dimension.ts";
import { checkNumber, checkSizes, type DataType, type Shape } from "../shape.ts";
import { apply, type Operator, type Tensor } from "../tensor.ts";

/** A value that is given to the program when it runs. Names are unique within a program. */
export const input = (name: string, shape: Shape, dtype: DataType = "float32"): Tensor =>
  apply(sources.input, { name, shape, dtype }, []);

/** A scalar constant. Throws for a number that the dtype does not have. */
export const constant = (value: number, dtype: DataType = "float32"): Tensor =>
  apply(sources.constant, { value, dtype }, []);

/** A dimension's value as a scalar. */
export const extent = (size: Dimension, dtype: "float32" | "int32" = "float32"): Tensor =>
  apply(sources.extent, { size: [size], dtype }, []);

/** 0, 1, … size - 1 as int32 [size]. */
export const range = (size: Dimension): Tensor => apply(sources.range, { shape: [size] }, []);

export const sources = {
  input: {
    name: "input",
    doc: "a value given when the program runs",
    arity: 0,
    infer: (_, { shape, dtype }) => [{ shape, dtype }],
    onnx: (_, __, { name }) => name,
    gradient: () => [],
  } satisfies Operator<{ name: string; shape: Shape; dtype: DataType }, 0>,

  constant: {
    name: "constant",
    doc: "a scalar",
    arity: 0,
    infer: (_, { value, dtype }) => {
      checkNumber(value, dtype);
      return [{ shape: [], dtype }];
    },
    onnx: (emitter, _, { value, dtype }) => emitter.scalar(value, dtype),
    gradient: () => [],
  } satisfies Operator<{ value: number; dtype: DataType }, 0>,

  extent: {
    name: "extent",
    doc: "the value of a dimension",
    arity: 0,
    infer: (_, { size, dtype }) => {
      checkSizes(size);
      return [{ shape: [], dtype }];
    },
    onnx: (emitter, _, { size, dtype }) => {
      const scalar = emitter.node("Reshape", [emitter.shape(size), emitter.integers([])]);
      return emitter.node("Cast", [scalar], { to: { int: dtype === "float32" ? 1 : 6 } });
    },
    gradient: () => [],
  } satisfies Operator<{ size: Shape; dtype: "float32" | "int32" }, 0>,

  range: {
    name: "range",
    doc: "0, 1, … size - 1",
    arity: 0,
    infer: (_, { shape }) => [{ shape, dtype: "int32" }],
    onnx: (emitter, _, { shape }) => {
      const scalarShape = emitter.integers([]);
      const size = emitter.node("Reshape", [emitter.shape(shape), scalarShape]);
      const limit = emitter.node("Cast", [size], { to: { int: 6 } });
      return emitter.node("Range", [emitter.scalar(0, "int32"), limit, emitter.scalar(1, "int32")]);
    },
    gradient: () => [],
  } satisfies Operator<{ shape: Shape }, 0>,
};
