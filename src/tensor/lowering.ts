/**
 * Lowerings: what becomes of an operation that the targets compute best by different ONNX nodes. One table a target; an operator
 * asks the emitter's, or has nodes of its own for a target (`targets`).
 */

import { at, type Shape } from "./shape.ts";
import type { Emitter } from "./tensor.ts";

/** What a model is emitted for: an execution provider of ONNX Runtime, or any runtime that reads ONNX. */
export const targets = ["cpu", "cuda", "webgpu", "portable"] as const;

export type Target = (typeof targets)[number];

/** A product of matrices: α · op(A) · op(B), op a swap of the last two axes. */
export interface ProductAttributes {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly alpha: number;
}

/** How a target writes what is not written alike everywhere. Values are named by strings, as with an `Emitter`. */
export interface Lowering {
  /**
   * Whether graphs may have sizes that are known when they are emitted. ONNX Runtime's WebGPU (browsers, 1.30) fuses the sum before
   * a LayerNormalization into it where sizes are known, and loses the mean and deviation that the gradient needs.
   */
  readonly knownSizes: boolean;
  /** α · op(a) · op(b) for operands of some shapes. */
  product(
    emitter: Emitter,
    operands: readonly [string, string],
    shapes: readonly [Shape, Shape],
    attributes: ProductAttributes,
  ): string;
  /**
   * scale · x / ‖x‖₂ over the last axis, zeros for a zero row; and the factor scale / ‖x‖₂, empty where it is not needed.
   * @param factorNeeded whether a gradient uses the factor, which must be zero for a zero row then
   */
  l2Normalise(emitter: Emitter, x: string, scale: string, shape: Shape, factorNeeded: boolean): [string, string];
  /** Ids of some rank as one-hot float32 [..., depth]. */
  oneHot(emitter: Emitter, ids: string, rank: number, depth: number): string;
  /** x [N, V] with values [N, 1] added, each to the column of its row that `columns` [N] names. */
  addAt(emitter: Emitter, x: string, columns: string, values: string, width: () => number): string;
  /** ln softmax over the last axis of a matrix. */
  logSoftmax(emitter: Emitter, logits: string): string;
}

/** A norm whose square float32 still has. */
const SMALLEST_NORM = 1e-18;
const SMALLEST_SQUARE = SMALLEST_NORM ** 2;

/** What the CPU and CUDA providers have kernels for, fused ones among them. */
const fused: Lowering = {
  knownSizes: true,
  product: (emitter, operands, _, attributes) =>
    isPlain(attributes)
      ? emitter.node("MatMul", operands)
      : emitter.node("FusedMatMul", operands, flagsOf(attributes), { domain: "com.microsoft" }),
  l2Normalise: (emitter, x, scale, shape, factorNeeded) => {
    if (factorNeeded) return rootMeanSquareNormalise(emitter, x, scale, shape);
    // Fewer nodes, where no gradient wants to see zeros: a norm of zero divides as the smallest one does.
    const norms = emitter.node("ReduceL2", [x, lastAxis(emitter, shape)], { keepdims: { int: 1 } });
    const divisor = emitter.node("Max", [norms, emitter.scalar(SMALLEST_NORM, "float32")]);
    return [emitter.node("Mul", [x, emitter.node("Div", [scale, divisor])]), ""];
  },
  oneHot: (emitter, ids, _, depth) =>
    emitter.node("OneHot", [ids, emitter.scalar(depth, "int32"), emitter.floats([0, 1])], { axis: { int: -1 } }),
  addAt: (emitter, x, columns, values) => {
    const column = emitter.node("Unsqueeze", [columns, emitter.integers([1])]);
    return emitter.node("ScatterElements", [x, column, values], { axis: { int: 1 }, reduction: "add" });
  },
  logSoftmax: (emitter, logits) => emitter.node("LogSoftmax", [logits], { axis: { int: -1 } }),
};

/** Operators that every provider has: WebGPU lacks FusedMatMul, OneHot and LogSoftmax, and other runtimes all of com.microsoft. */
const common: Lowering = {
  knownSizes: false,
  product: (emitter, operands, [{ length: rankA }, { length: rankB }], attributes) => {
    if (isPlain(attributes)) return emitter.node("MatMul", operands);
    if (rankA === 2 && rankB === 2) return emitter.node("Gemm", operands, flagsOf(attributes));
    const { transposeA, transposeB, alpha } = attributes;
    const a = transposeA ? swapLastAxes(emitter, operands[0], rankA) : operands[0];
    const b = transposeB ? swapLastAxes(emitter, operands[1], rankB) : operands[1];
    return scaled(emitter, emitter.node("MatMul", [a, b]), alpha);
  },
  l2Normalise: l2NormaliseWithFactor,
  oneHot: (emitter, ids, rank, depth) => {
    const [zero, size, one] = [0, depth, 1].map((value) => emitter.scalar(value, "int32"));
    const columns = emitter.node("Range", [zero ?? "", size ?? "", one ?? ""]);
    const column = emitter.node("Unsqueeze", [ids, emitter.integers([rank])]);
    return emitter.node("Cast", [emitter.node("Equal", [column, columns])], { to: { int: 1 } });
  },
  addAt: (emitter, x, columns, values, width) => {
    const places = common.oneHot(emitter, columns, 1, width());
    return emitter.node("Add", [x, emitter.node("Mul", [places, values])]);
  },
  logSoftmax: (emitter, logits) => {
    const reduce = (type: string, x: string) =>
      emitter.node(type, [x, emitter.integers([1])], { keepdims: { int: 1 } });
    const shifted = emitter.node("Sub", [logits, reduce("ReduceMax", logits)]);
    const sums = reduce("ReduceSum", emitter.node("Exp", [shifted]));
    return emitter.node("Sub", [shifted, emitter.node("Log", [sums])]);
  },
};

/** Columns of a batch of products aᵀ b up to which the CPU computes them faster as the transposes of bᵀ a. */
const NARROW = 16;

/**
 * As `fused`. The CPU's kernel for aᵀ b rearranges a, which takes longer than the product where b has few columns, as in the gradients of
 * attention with small heads; that for bᵀ a copies a as it lies.
 */
const cpuProduct: Lowering["product"] = (emitter, [a, b], shapes, attributes) => {
  const { transposeA, transposeB } = attributes;
  const [rank, columns] = [Math.max(shapes[0].length, shapes[1].length), at(shapes[1], -1)];
  const narrow = rank > 2 && transposeA && !transposeB && typeof columns === "number" && columns <= NARROW;
  if (!narrow) return fused.product(emitter, [a, b], shapes, attributes);
  return swapLastAxes(emitter, fused.product(emitter, [b, a], shapes, attributes), rank);
};

export const lowerings: Readonly<Record<Target, Lowering>> = {
  cpu: { ...fused, product: cpuProduct },
  // The same kernels, but sizes stay symbols, as on every GPU.
  cuda: { ...fused, knownSizes: false },
  webgpu: common,
  portable: common,
};

/** x times a constant. */
export function scaled(emitter: Emitter, x: string, factor: number): string {
  return factor === 1 ? x : emitter.node("Mul", [x, emitter.scalar(factor, "float32")]);
}

function l2NormaliseWithFactor(emitter: Emitter, x: string, scale: string, shape: Shape): [string, string] {
  const zero = emitter.scalar(0, "float32");
  const squares = emitter.node("ReduceSumSquare", [x, lastAxis(emitter, shape)], { keepdims: { int: 1 } });
  const inverse = emitter.node("Div", [scale, emitter.node("Sqrt", [squares])]);
  const factor = emitter.node("Where", [emitter.node("Greater", [squares, zero]), inverse, zero]);
  return [emitter.node("Mul", [x, factor]), factor];
}

/**
 * As one operator over the numbers and some over the rows. Its rows are divided by √(mean x² + ε), and ε is below what is left
 * of any other square, so that the inverse of this is 1 / √ε for a zero row and far from it for others.
 */
function rootMeanSquareNormalise(emitter: Emitter, x: string, scale: string, shape: Shape): [string, string] {
  const size = at(shape, -1);
  const columns = emitter.shape([size]);
  const count = typeof size === "number" ? emitter.floats([size]) : emitter.node("Cast", [columns], { to: { int: 1 } });
  const unit = emitter.node("Div", [scale, emitter.node("Sqrt", [count])]);
  const [y = "", inverse = ""] = emitter.nodes(
    "SimplifiedLayerNormalization",
    [x, emitter.node("Expand", [unit, columns])],
    2,
    { axis: { int: -1 }, epsilon: SMALLEST_SQUARE, stash_type: { int: 1 } },
  );
  // A step between 0, where the inverse is more than 0.9 / √ε, and 1, where it is less than 0.5 / √ε.
  const isRow = emitter.node("HardSigmoid", [inverse], { alpha: -2.5 * SMALLEST_NORM, beta: 2.25 });
  return [y, emitter.node("Mul", [emitter.node("Mul", [inverse, isRow]), unit])];
}

function lastAxis(emitter: Emitter, shape: Shape): string {
  return emitter.integers([shape.length - 1]);
}

function isPlain({ transposeA, transposeB, alpha }: ProductAttributes): boolean {
  return !transposeA && !transposeB && alpha === 1;
}

function flagsOf({ transposeA, transposeB, alpha }: ProductAttributes) {
  return { transA: { int: Number(transposeA) }, transB: { int: Number(transposeB) }, alpha };
}

function swapLastAxes(emitter: Emitter, x: string, rank: number): string {
  const leading = Array.from({ length: rank - 2 }, (_, axis) => axis);
  return emitter.node("Transpose", [x], { perm: [...leading, rank - 1, rank - 2] });
}
