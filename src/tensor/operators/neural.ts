/** Operators of neural networks that have a faster or safer gradient than the composition of their parts. */

import { printDimension, sameDimension } from "../dimension.ts";
import { at, checkFloat, elements, type Shape, type TensorType } from "../shape.ts";
import { apply, type Emitter, type NoAttributes, type Operator, type Tensor } from "../tensor.ts";
import { add, div, exp, mul, neg, sub } from "./elementwise.ts";
import { expand, reshape, sum } from "./layout.ts";
import { matmul, rowsOf } from "./products.ts";
import { constant } from "./sources.ts";

/** eˣ / Σ eˣ over the last axis, in the stable form. */
export const softmax = (x: Tensor): Tensor => apply(neural.softmax, {}, [x]);

/**
 * x (1 + erf x). GELU(y) = √½ · u (1 + erf u) with u = √½ · y: where the constants can ride in a scale before and a product
 * after, this is GELU in fewer passes over memory, and its gradient needs no second erf.
 */
export const erfGate = (x: Tensor): Tensor => apply(neural.erfGate, {}, [x]);

/**
 * scale · x / ‖x‖₂ over the last axis, with a scalar scale; zeros where x is zero throughout. Float32 has the squares of lengths
 * from 1e-15 √P for P columns to 1e18: shorter and longer rows may give zeros or shorter ones, depending on the target, and gradients
 * alike. These need such a scale, not 0.
 */
export const l2Normalise = (x: Tensor, scale: Tensor): Tensor => apply(neural.l2Normalise, {}, [x, scale]);

/** (x - mean) / √(variance + ε) over the last axis: LayerNorm without parameters. */
export const normalise = (x: Tensor, epsilon: number): Tensor => apply(neural.normalise, { epsilon }, [x]);

/** Rows of a table [V, D] by ids int32 [...] → [..., D]. Ids are from 0 to V - 1; with others, the outcome depends on the target. */
export const gather = (table: Tensor, ids: Tensor): Tensor => apply(neural.gather, {}, [table, ids]);

/** Rows x [N, D] added into a table [V, D] at ids int32 [N], from 0 to V - 1 as in `gather`; rows of equal ids add up. */
export const scatterAdd = (table: Tensor, x: Tensor, ids: Tensor): Tensor =>
  apply(neural.scatterAdd, {}, [table, x, ids]);

/** x [N, V] with values [N] added, each to one column of its row: columns int32 [N], from 0 to V - 1 as in `gather`. */
export const addAt = (x: Tensor, columns: Tensor, values: Tensor): Tensor =>
  apply(neural.addAt, {}, [x, columns, values]);

/** Ids int32 [...] → float32 [..., depth], 1 at the id and 0 elsewhere. Ids are from 0 to depth - 1, as in `gather`. */
export const oneHot = (ids: Tensor, depth: number): Tensor => apply(neural.oneHot, { depth }, [ids]);

/** -ln softmax(logits)[target]: logits [N, V] and targets int32 [N], from 0 to V - 1 as in `gather`, → [N], in nats. */
export const crossEntropy = (logits: Tensor, targets: Tensor): Tensor =>
  apply(neural.crossEntropy, {}, [logits, targets]);

/**
 * Rotates the first channels of each head by an angle a position: with R = 2 · (columns of cos), channel c < R/2 and channel
 * c + R/2 are one pair (the half-split convention). x [B, H, T, C], cos and sin [T, R/2] → [B, H, T, C]. With a number of heads,
 * which are parts of the last axis then, x [B, T, H · C] → [B, T, H · C].
 */
export const rotate = (x: Tensor, cosine: Tensor, sine: Tensor, heads?: number): Tensor =>
  apply(neural.rotate, { heads }, [x, cosine, sine]);

/**
 * Up to this many rows, a table's gradient is a product with one-hot rows; above, rows are added one by one, which then
 * costs less. `ScatterND` with `reduction=add` would do for both but loses additions when it runs on several threads.
 */
const ONE_HOT_ROWS = 4096;

export const neural = {
  softmax: {
    name: "softmax",
    doc: "eˣ / Σ eˣ over the last axis",
    arity: 1,
    infer: ([x]) => {
      checkRows(x);
      return [x];
    },
    onnx: (emitter, inputs) => emitter.node("Softmax", inputs, { axis: { int: -1 } }),
    // dx = y (g - Σ g y)
    gradient: (g, { output: y }) => [mul(y, sub(g, sum(mul(g, y), [-1], { keep: true })))],
  } satisfies Operator<NoAttributes, 1>,

  erfGate: {
    name: "erfGate",
    doc: "x (1 + erf x)",
    arity: 1,
    infer: ([x]) => {
      checkFloat(x);
      return [x, x];
    },
    onnx: (emitter, [x]) => {
      const gate = emitter.node("Add", [emitter.node("Erf", [x]), emitter.scalar(1, "float32")]);
      return [emitter.node("Mul", [x, gate]), gate];
    },
    // dx = g (1 + erf x + x · e^(ln(2/√π) - x²))
    gradient: (g, { inputs: [x], saved }) => {
      const density = exp(sub(Math.log(2 / Math.sqrt(Math.PI)), mul(x, x)));
      return [mul(g, add(saved(0), mul(x, density)))];
    },
  } satisfies Operator<NoAttributes, 1>,

  l2Normalise: {
    name: "l2Normalise",
    doc: "scale · x / ‖x‖₂ over the last axis, zeros for a zero row",
    arity: 2,
    infer: ([x, scale]) => {
      checkRows(x);
      checkFloat(scale, "the scale");
      if (scale.shape.length !== 0) throw new Error("the scale must be a scalar");
      return [x, { dtype: x.dtype, shape: [...x.shape.slice(0, -1), 1] }];
    },
    onnx: (emitter, [x, scale], _, { inputs: [input], saved: [factor] }) => {
      const factorNeeded = factor === undefined || emitter.needs(factor);
      return emitter.lowering.l2Normalise(emitter, x, scale, input.shape, factorNeeded);
    },
    // y = f x with f = scale/‖x‖: dx = f (g - y Σ g y / scale²), d scale = Σ g y / scale
    gradient: (g, { inputs: [_, scale], output: y, saved }) => {
      const product = sum(mul(g, y), [-1], { keep: true });
      const factor = saved(0);
      return [mul(sub(g, mul(y, div(product, mul(scale, scale)))), factor), div(product, scale)];
    },
  } satisfies Operator<NoAttributes, 2>,

  normalise: {
    name: "normalise",
    doc: "(x - mean) / √(variance + ε) over the last axis",
    arity: 1,
    infer: ([x]) => {
      checkRows(x);
      staticSize(x.shape);
      const rows = { dtype: x.dtype, shape: [...x.shape.slice(0, -1), 1] };
      return [x, rows, rows];
    },
    onnx: (emitter, [x], { epsilon }, { inputs: [input] }) => {
      const ones = emitter.floats(Array<number>(staticSize(input.shape)).fill(1));
      return emitter.nodes("LayerNormalization", [x, ones], 3, { axis: { int: -1 }, epsilon });
    },
    // dx = (g - mean g - y mean(g y)) / √(variance + ε)
    gradient: (g, { inputs: [x], output: y, saved }) => {
      const size = staticSize(x.shape);
      const mean = (t: Tensor) => mul(sum(t, [-1], { keep: true }), 1 / size);
      return [mul(sub(sub(g, mean(g)), mul(y, mean(mul(g, y)))), saved(1))];
    },
  } satisfies Operator<{ epsilon: number }, 1>,

  gather: {
    name: "gather",
    doc: "rows of a table by their ids",
    arity: 2,
    infer: ([table, ids]) => {
      if (table.shape.length !== 2) throw new Error("the table must have two axes");
      checkIds(ids);
      return [{ dtype: table.dtype, shape: [...ids.shape, at(table.shape, 1)] }];
    },
    onnx: (emitter, inputs) => emitter.node("Gather", inputs, { axis: { int: 0 } }),
    gradient: (g, { inputs: [table, ids] }) => {
      const rows = table.shape[0];
      if (typeof rows !== "number") throw new Error("the gradient needs a table of known size");
      const flatIds = reshape(ids, [elements(ids.shape)]);
      const gradient =
        rows <= ONE_HOT_ROWS
          ? matmul(oneHot(flatIds, rows), rowsOf(g), { transposeA: true })
          : scatterAdd(expand(constant(0), table.shape), rowsOf(g), flatIds);
      return [gradient, undefined];
    },
  } satisfies Operator<NoAttributes, 2>,

  scatterAdd: {
    name: "scatterAdd",
    doc: "rows added into a table at their ids",
    arity: 3,
    infer: ([table, x, ids]) => {
      checkIds(ids);
      if (x.shape.length !== 2 || ids.shape.length !== 1 || !sameDimension(at(x.shape, 0), at(ids.shape, 0))) {
        throw new Error("x must be [N, D] and the ids [N]");
      }
      const fits = table.shape.length === 2 && sameDimension(at(table.shape, 1), at(x.shape, 1));
      if (!fits || table.dtype !== x.dtype) throw new Error("the table must be [V, D] and of the type of x");
      return [{ dtype: table.dtype, shape: table.shape }];
    },
    onnx: (emitter, [table, x, ids], _, { inputs: [, input] }) => {
      const column = emitter.node("Unsqueeze", [ids, emitter.integers([1])]);
      const indices = emitter.node("Expand", [column, emitter.shape(input.shape)]);
      return emitter.node("ScatterElements", [table, indices, x], { axis: { int: 0 }, reduction: "add" });
    },
    gradient: (g, { inputs: [, , ids] }) => [g, gather(g, ids), undefined],
  } satisfies Operator<NoAttributes, 3>,

  addAt: {
    name: "addAt",
    doc: "a value added to one column of each row",
    arity: 3,
    infer: ([x, columns, values]) => {
      checkIds(columns);
      const rows = x.shape[0];
      const fits = [columns, values].every(
        ({ shape: [length, ...rest] }) =>
          length !== undefined && rest.length === 0 && rows !== undefined && sameDimension(length, rows),
      );
      if (x.shape.length !== 2 || !fits || x.dtype !== values.dtype) {
        throw new Error("x must be [N, V], the columns [N], and the values [N] of the type of x");
      }
      return [{ dtype: x.dtype, shape: x.shape }];
    },
    onnx: (emitter, [x, columns, values], _, { inputs: [input] }) => {
      const value = emitter.node("Unsqueeze", [values, emitter.integers([1])]);
      return emitter.lowering.addAt(emitter, x, columns, value, () => staticSize(input.shape));
    },
    gradient: (g, { inputs: [x, columns] }) => [g, undefined, sum(mul(g, oneHot(columns, staticSize(x.shape))), [-1])],
  } satisfies Operator<NoAttributes, 3>,

  oneHot: {
    name: "oneHot",
    doc: "1 at the id, 0 elsewhere",
    arity: 1,
    infer: ([ids], { depth }) => {
      checkIds(ids);
      return [{ dtype: "float32", shape: [...ids.shape, depth] }];
    },
    onnx: (emitter, [ids], { depth }, { inputs: [input] }) =>
      emitter.lowering.oneHot(emitter, ids, input.shape.length, depth),
    gradient: "none",
  } satisfies Operator<{ depth: number }, 1>,

  crossEntropy: {
    name: "crossEntropy",
    doc: "-ln softmax(logits)[target]",
    arity: 2,
    infer: ([logits, targets]) => {
      checkFloat(logits, "the logits");
      checkIds(targets);
      const fits = logits.shape.length === 2 && targets.shape.length === 1;
      if (!fits || !sameDimension(at(logits.shape, 0), at(targets.shape, 0))) {
        throw new Error("the logits must be [N, V] and the targets [N]");
      }
      return [
        { dtype: "float32", shape: targets.shape },
        { dtype: "float32", shape: logits.shape },
      ];
    },
    onnx: (emitter, [logits, targets]) => {
      const logProbabilities = emitter.lowering.logSoftmax(emitter, logits);
      const column = emitter.node("Unsqueeze", [targets, emitter.integers([1])]);
      const picked = emitter.node("GatherElements", [logProbabilities, column], { axis: { int: 1 } });
      const loss = emitter.node("Neg", [emitter.node("Squeeze", [picked, emitter.integers([1])])]);
      return [loss, logProbabilities];
    },
    // d logits = g softmax, less g at the target
    gradient: (g, { inputs: [, targets], saved }) => {
      const column = reshape(g, [at(g.shape, 0), 1]);
      return [addAt(mul(exp(saved(0)), column), targets, neg(g)), undefined];
    },
  } satisfies Operator<NoAttributes, 2>,

  rotate: {
    name: "rotate",
    doc: "rotary positions, half-split pairs",
    arity: 3,
    infer: ([x, cosine, sine], { heads }) => {
      checkFloat(x);
      const half = staticSize(cosine.shape);
      const rank = heads === undefined ? 4 : 3;
      const fits = x.shape.length === rank && cosine.shape.length === 2;
      const channels = staticSize(x.shape) / (heads ?? 1);
      const inHead = Number.isInteger(channels) && 2 * half <= channels;
      if (!fits || !inHead || !sameDimension(at(x.shape, -2), at(cosine.shape, 0)) || !sameType(cosine, sine)) {
        throw new Error("x must be [B, H, T, C] or [B, T, H · C], cos and sin [T, R/2] with R ≤ C");
      }
      return [{ dtype: x.dtype, shape: x.shape }];
    },
    // The rows of cos and sin are already those of the positions, so the operator's own positions are 0, 1, …
    onnx: (emitter, [x, cosine, sine], { heads }, { inputs: [input, table] }) => {
      const attributes = {
        interleaved: { int: 0 },
        num_heads: { int: heads ?? staticSize([at(input.shape, 1)]) },
        rotary_embedding_dim: { int: 2 * staticSize(table.shape) },
      };
      return emitter.node("RotaryEmbedding", [x, emitter.integers([0]), cosine, sine], attributes, {
        domain: "com.microsoft",
      });
    },
    targets: { portable: rotateByParts },
    // A rotation's gradient is the rotation back. Positions are not learned through it.
    gradient: (g, { inputs: [_, cosine, sine], attributes: { heads } }) => [
      rotate(g, cosine, neg(sine), heads),
      undefined,
      undefined,
    ],
  } satisfies Operator<{ heads: number | undefined }, 3>,
};

/** `rotate` by operators that every runtime has. */
function rotateByParts(
  emitter: Emitter,
  [x, cosine, sine]: readonly [string, string, string],
  { heads }: { readonly heads: number | undefined },
  { inputs: [{ shape }, table] }: { readonly inputs: readonly [Tensor, Tensor, Tensor] },
): string {
  const half = staticSize(table.shape);
  const channels = staticSize(shape) / (heads ?? 1);
  const rest = channels - 2 * half;
  const sizes = rest > 0 ? [half, half, rest] : [half, half];
  const last = { axis: { int: -1 } };
  // [B, T, H, C] with tables [T, 1, R/2] where heads are parts of the last axis, else [B, H, T, C] with [T, R/2].
  const apart = heads === undefined ? x : emitter.node("Reshape", [x, emitter.integers([0, 0, heads, channels])]);
  const ofHeads = (of: string) => (heads === undefined ? of : emitter.node("Unsqueeze", [of, emitter.integers([1])]));
  const [real, imaginary] = [ofHeads(cosine), ofHeads(sine)];
  const [first = "", second = "", ...others] = emitter.nodes(
    "Split",
    [apart, emitter.integers(sizes)],
    sizes.length,
    last,
  );
  const product = (a: string, b: string) => emitter.node("Mul", [a, b]);
  const turned = [
    emitter.node("Sub", [product(first, real), product(second, imaginary)]),
    emitter.node("Add", [product(second, real), product(first, imaginary)]),
  ];
  const together = emitter.node("Concat", [...turned, ...others], last);
  if (heads === undefined) return together;
  return emitter.node("Reshape", [together, emitter.integers([0, 0, heads * channels])]);
}

/** Throws for what has no rows of float32. */
function checkRows(x: TensorType): void {
  checkFloat(x);
  if (x.shape.length === 0) throw new Error("x must have an axis, got a scalar; reshape it to [1]");
}

export function checkIds(ids: TensorType): void {
  if (ids.dtype !== "int32") throw new Error(`ids must be int32, got ${ids.dtype}`);
}

function sameType(a: TensorType, b: TensorType): boolean {
  return a.shape.length === b.shape.length && a.shape.every((dimension, i) => sameDimension(dimension, at(b.shape, i)));
}

/** The size of the last axis, which must be known. */
export function staticSize(shape: Shape): number {
  const size = at(shape, -1);
  if (typeof size !== "number") throw new Error(`the last axis must have a known size, got ${printDimension(size)}`);
  return size;
}
