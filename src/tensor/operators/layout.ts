/** Operators that move, join, repeat or sum elements. */

import { addDimensions, type Dimension, printDimension, sameDimension, subtractDimensions } from "../dimension.ts";
import { at, broadcast, elements, normaliseAxis, printType, type Shape, sameShape } from "../shape.ts";
import { apply, type Operator, type Tensor } from "../tensor.ts";
import { div } from "./elementwise.ts";
import { constant, extent } from "./sources.ts";

/** The same elements in another shape of equal size. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : apply(layout.reshape, { shape }, [x]);
}

/** The axes in another order: axis i of the result is axis `axes[i]` of x. */
export const transpose = (x: Tensor, axes: readonly number[]): Tensor => apply(layout.transpose, { axes }, [x]);

/** x repeated along axes of size 1 (and new leading axes) up to `shape`. */
export const expand = (x: Tensor, shape: Shape): Tensor =>
  sameShape(x.shape, shape) ? x : apply(layout.expand, { shape }, [x]);

/** The sum over axes. `keep` leaves them with size 1; default false. */
export function sum(x: Tensor, axes: readonly number[], options: { keep?: boolean } = {}): Tensor {
  const normalised = axes.map((axis) => axisOf(x, axis, "sum")).sort((a, b) => a - b);
  return normalised.length === 0 ? x : apply(layout.sum, { axes: normalised, keep: options.keep ?? false }, [x]);
}

/** The mean over all elements, a scalar. */
export function mean(x: Tensor): Tensor {
  const axes = x.shape.map((_, axis) => axis);
  return div(sum(x, axes), extent(elements(x.shape)));
}

/** The tensors one after the other along an axis. */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  const [only] = tensors;
  return tensors.length === 1 && only !== undefined ? only : apply(layout.concat, { axis }, tensors);
}

/** Elements `start` to `end` (exclusive) of an axis; where they are symbolic, they must lie in it when the program runs. */
export function slice(x: Tensor, axis: number, start: Dimension, end: Dimension): Tensor {
  const along = axisOf(x, axis, "slice");
  const whole = start === 0 && sameDimension(end, at(x.shape, along));
  return whole ? x : apply(layout.slice, { axis: along, range: [start, end] }, [x]);
}

export const layout = {
  reshape: {
    name: "reshape",
    doc: "the same elements in another shape",
    arity: 1,
    infer: ([x], { shape }) => {
      if (!sameDimension(elements(x.shape), elements(shape))) {
        throw new Error(`${printDimension(elements(x.shape))} elements do not fit [${shape.map(printDimension)}]`);
      }
      return [{ dtype: x.dtype, shape }];
    },
    onnx: (emitter, [x], { shape }, { inputs: [input] }) => {
      // Rows of a matrix: needs no sizes to be computed.
      if (shape.length === 2 && input.shape.length > 1 && sameDimension(at(shape, 1), at(input.shape, -1))) {
        return emitter.node("Flatten", [x], { axis: { int: input.shape.length - 1 } });
      }
      return emitter.node("Reshape", [x, emitter.reshape(input.shape, shape)]);
    },
    gradient: (g, { inputs: [x] }) => [reshape(g, x.shape)],
    // Of what was reshaped before, one node leads to the new shape, or none.
    simplify: ([x], { shape }) => {
      const [source] = x.node.operator.name === "reshape" ? x.node.inputs : [];
      return source === undefined ? undefined : reshape(source, shape);
    },
  } satisfies Operator<{ shape: Shape }, 1>,

  transpose: {
    name: "transpose",
    doc: "the axes in another order",
    arity: 1,
    infer: ([x], { axes }) => {
      if (axes.length !== x.shape.length || x.shape.some((_, axis) => !axes.includes(axis))) {
        throw new Error(`[${axes}] is not an order of its ${x.shape.length} axes`);
      }
      return [{ dtype: x.dtype, shape: axes.map((axis) => at(x.shape, axis)) }];
    },
    onnx: (emitter, [x], { axes }) => emitter.node("Transpose", [x], { perm: axes }),
    gradient: (g, { attributes: { axes } }) => [
      transpose(
        g,
        axes.map((_, axis) => axes.indexOf(axis)),
      ),
    ],
  } satisfies Operator<{ axes: readonly number[] }, 1>,

  expand: {
    name: "expand",
    doc: "x repeated along axes of size 1",
    arity: 1,
    infer: ([x], { shape }) => {
      const common = broadcast(x.shape, shape);
      if (common === undefined || !sameShape(common, shape)) {
        throw new Error(`it does not broadcast to [${shape.map(printDimension)}]`);
      }
      return [{ dtype: x.dtype, shape }];
    },
    onnx: (emitter, [x], { shape }) => emitter.node("Expand", [x, emitter.shape(shape)]),
    // The walker sums what was broadcast.
    gradient: (g) => [g],
  } satisfies Operator<{ shape: Shape }, 1>,

  sum: {
    name: "sum",
    doc: "the sum over axes",
    arity: 1,
    infer: ([x], { axes, keep }) => {
      const shape = x.shape.flatMap((dimension, axis) => (axes.includes(axis) ? (keep ? [1] : []) : [dimension]));
      return [{ dtype: x.dtype, shape }];
    },
    onnx: (emitter, [x], { axes, keep }) =>
      emitter.node("ReduceSum", [x, emitter.integers(axes)], { keepdims: { int: Number(keep) } }),
    gradient: (g, { inputs: [x], attributes: { axes } }) => {
      const kept = x.shape.map((dimension, axis) => (axes.includes(axis) ? 1 : dimension));
      return [expand(reshape(g, kept), x.shape)];
    },
  } satisfies Operator<{ axes: readonly number[]; keep: boolean }, 1>,

  concat: {
    name: "concat",
    doc: "tensors one after the other along an axis",
    arity: "any",
    infer: (tensors, { axis }) => {
      const [first, ...others] = tensors;
      if (first === undefined) throw new Error("no tensors were given");
      const along = normaliseAxis(axis, first.shape.length);
      for (const other of others) {
        const fits = other.dtype === first.dtype && other.shape.length === first.shape.length;
        if (
          !fits ||
          !other.shape.every((dimension, i) => i === along || sameDimension(dimension, at(first.shape, i)))
        ) {
          throw new Error(`the tensors must agree in dtype and in all axes but ${along}`);
        }
      }
      const size = tensors.reduce<Dimension>((total, { shape }) => addDimensions(total, at(shape, along)), 0);
      return [{ dtype: first.dtype, shape: first.shape.map((dimension, i) => (i === along ? size : dimension)) }];
    },
    onnx: (emitter, tensors, { axis }) => emitter.node("Concat", tensors, { axis: { int: axis } }),
    gradient: (g, { inputs, attributes: { axis } }) => {
      let end: Dimension = 0;
      return inputs.map((x) => {
        const start = end;
        end = addDimensions(start, at(x.shape, axis));
        return slice(g, axis, start, end);
      });
    },
  } satisfies Operator<{ axis: number }, "any">,

  slice: {
    name: "slice",
    doc: "a range of an axis",
    arity: 1,
    infer: ([x], { axis, range: [start, end] }) => {
      const size = at(x.shape, axis);
      const known = [0, start, end, size].filter((place) => typeof place === "number");
      if (known.some((place, index) => !(Number.isInteger(place) && place >= (known[index - 1] ?? 0)))) {
        throw new Error(`${[start, end].map(printDimension).join("…")} is not a range of 0…${printDimension(size)}`);
      }
      const length = subtractDimensions(end, start);
      return [{ dtype: x.dtype, shape: x.shape.map((dimension, i) => (i === axis ? length : dimension)) }];
    },
    onnx: (emitter, [x], { axis, range: [start, end] }) =>
      emitter.node("Slice", [x, emitter.shape([start]), emitter.shape([end]), emitter.integers([axis])]),
    // Zeros before and after.
    gradient: (g, { inputs: [x], attributes: { axis, range } }) => {
      const [start, end] = range;
      const zeros = (size: Dimension) =>
        expand(
          constant(0),
          x.shape.map((dimension, i) => (i === axis ? size : dimension)),
        );
      const parts = [zeros(start), g, zeros(subtractDimensions(at(x.shape, axis), end))];
      const filled = parts.filter((part) => at(part.shape, axis) !== 0);
      return [filled.length === 0 ? g : concat(filled, axis)];
    },
  } satisfies Operator<{ axis: number; range: readonly [Dimension, Dimension] }, 1>,
};

/** An axis counted from 0. The error names the operator, as it is not yet applied. */
function axisOf(x: Tensor, axis: number, operator: string): number {
  return normaliseAxis(axis, x.shape.length, `${operator}(${printType(x)}): `);
}
