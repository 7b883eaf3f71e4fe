/** Operators that look among the columns of a row: their log-probabilities, the largest of them, one of them. */

import { sameDimension } from "../dimension.ts";
import { at, checkFloat, type Shape } from "../shape.ts";
import { apply, type NoAttributes, type Operator, type Tensor } from "../tensor.ts";
import { exp, mul, sub } from "./elementwise.ts";
import { reshape, sum } from "./layout.ts";
import { checkIds, oneHot, staticSize } from "./neural.ts";
import { matmul } from "./products.ts";

/** ln softmax over the columns: x [N, V] → [N, V]. */
export const logSoftmax = (x: Tensor): Tensor => apply(selection.logSoftmax, {}, [x]);

/** One column of each row: x [N, V] and columns int32 [N], from 0 to V - 1 as in `gather`, → [N]. */
export const pick = (x: Tensor, columns: Tensor): Tensor => apply(selection.pick, {}, [x, columns]);

/**
 * The largest columns of each row, largest first, of equal ones the first first: x [N, V] → values [N, count] and the
 * columns they stand in, int32 [N, count].
 */
export function topK(x: Tensor, count: number): { readonly values: Tensor; readonly columns: Tensor } {
  const values = apply(selection.topK, { count }, [x]);
  const columns = values.node.outputs[1];
  if (columns === undefined) throw new Error("internal: topK has no columns");
  return { values, columns };
}

export const selection = {
  logSoftmax: {
    name: "logSoftmax",
    doc: "ln softmax over the columns",
    arity: 1,
    infer: ([x]) => {
      checkFloat(x);
      checkMatrix(x.shape);
      return [x];
    },
    onnx: (emitter, [x]) => emitter.lowering.logSoftmax(emitter, x),
    // dx = g - softmax Σ g
    gradient: (g, { output: y }) => [sub(g, mul(exp(y), sum(g, [-1], { keep: true })))],
  } satisfies Operator<NoAttributes, 1>,

  pick: {
    name: "pick",
    doc: "one column of each row",
    arity: 2,
    infer: ([x, columns]) => {
      checkMatrix(x.shape);
      checkIds(columns);
      if (columns.shape.length !== 1 || !sameDimension(at(columns.shape, 0), at(x.shape, 0))) {
        throw new Error("x must be [N, V] and the columns [N]");
      }
      return [{ dtype: x.dtype, shape: columns.shape }];
    },
    onnx: (emitter, [x, columns]) => {
      const column = emitter.node("Unsqueeze", [columns, emitter.integers([1])]);
      const picked = emitter.node("GatherElements", [x, column], { axis: { int: 1 } });
      return emitter.node("Squeeze", [picked, emitter.integers([1])]);
    },
    gradient: (g, { inputs: [x, columns] }) => [
      mul(oneHot(columns, staticSize(x.shape)), reshape(g, [at(g.shape, 0), 1])),
      undefined,
    ],
  } satisfies Operator<NoAttributes, 2>,

  topK: {
    name: "topK",
    doc: "the largest columns of each row",
    arity: 1,
    infer: ([{ dtype, shape }], { count }) => {
      checkMatrix(shape);
      const columns = staticSize(shape);
      if (!(count >= 1 && count <= columns)) throw new Error(`there are no ${count} largest of ${columns} columns`);
      const selected = [at(shape, 0), count];
      return [
        { dtype, shape: selected },
        { dtype: "int32", shape: selected },
      ];
    },
    onnx: (emitter, [x], { count }) => {
      const [values = "", columns = ""] = emitter.nodes("TopK", [x, emitter.integers([count])], 2, {
        axis: { int: -1 },
        largest: { int: 1 },
        sorted: { int: 1 },
      });
      return [values, emitter.node("Cast", [columns], { to: { int: 6 } })];
    },
    // Each value's gradient goes back to the column that it came from.
    gradient: (g, { inputs: [x], saved, attributes: { count } }) => {
      const rows = at(x.shape, 0);
      const places = oneHot(saved(0), staticSize(x.shape)); // [N, count, V]
      return [reshape(matmul(reshape(g, [rows, 1, count]), places), x.shape)];
    },
  } satisfies Operator<{ count: number }, 1>,
};

function checkMatrix(shape: Shape): void {
  if (shape.length !== 2) throw new Error("x must be a matrix");
}
