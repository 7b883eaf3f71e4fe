/** Matrix products. */

import { multiplyDimensions, sameDimension } from "../dimension.ts";
import { type ProductAttributes, scaled } from "../lowering.ts";
import { tensorDataType } from "../onnx-format/enumerations.ts";
import { at, broadcast, type Shape } from "../shape.ts";
import { type Attributes, apply, type Emitter, type Operator, type QuantizedWeights, type Tensor } from "../tensor.ts";
import { reshape } from "./layout.ts";

export interface MatmulOptions {
  /** Use a with its last two axes swapped. */
  readonly transposeA?: boolean;
  /** Use b with its last two axes swapped. */
  readonly transposeB?: boolean;
  /** A constant factor, which costs nothing in float32. Default 1. */
  readonly alpha?: number;
}

/**
 * α · op(a) · op(b) over the last two axes, [..., M, K] × [..., K, N] → [..., M, N]; leading axes broadcast.
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false, alpha = 1 } = options;
  return apply(products.matmul, { transposeA, transposeB, alpha }, [a, b]);
}

export const products = {
  matmul: {
    name: "matmul",
    doc: "α · op(a) · op(b), op a swap of the last two axes",
    arity: 2,
    infer: ([a, b], { transposeA, transposeB }) => {
      if (a.dtype !== "float32" || b.dtype !== "float32") throw new Error("the operands must be float32");
      if (a.shape.length < 2 || b.shape.length < 2) throw new Error("the operands must have two axes or more");
      const [rows, inner] = matrixOf(a.shape, transposeA);
      const [otherInner, columns] = matrixOf(b.shape, transposeB);
      if (!sameDimension(inner, otherInner)) throw new Error("the inner dimensions differ");
      const leading = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2));
      if (leading === undefined) throw new Error("the leading axes do not broadcast");
      return [{ dtype: "float32", shape: [...leading, rows, columns] }];
    },
    onnx: (emitter, inputs, attributes, types) => {
      const { transposeA, transposeB, alpha } = attributes;
      const [a, b] = inputs;
      const quantized = transposeA ? undefined : emitter.quantized(b, !transposeB);
      if (quantized !== undefined) return quantizedProduct(emitter, a, quantized, alpha);
      const shapes = [types.inputs[0].shape, types.inputs[1].shape] as const;
      if (emitter.products === "float32") return emitter.lowering.product(emitter, inputs, shapes, attributes);
      const halves = [emitter.half(a), emitter.half(b)] as const;
      const rounded = emitter.lowering.product(emitter, halves, shapes, { ...attributes, alpha: 1 });
      // The factor comes after: before, each factor of an operand would need a rounded copy of its own.
      const y = emitter.node("Cast", [rounded], { to: { int: tensorDataType.float32 } });
      return scaled(emitter, y, alpha);
    },
    // Y = α op(A) op(B): d op(A) = α dY op(B)ᵀ and d op(B) = α op(A)ᵀ dY, transposed back where op transposes.
    gradient: (g, { inputs: [a, b], attributes: { transposeA, transposeB, alpha } }) => {
      const da = transposeA
        ? matmul(b, g, { transposeA: transposeB, transposeB: true, alpha })
        : matmul(g, b, { transposeB: !transposeB, alpha });
      // One large product instead of a small one for each leading index, summed afterwards.
      const flat = b.shape.length === 2 && a.shape.length > 2 && !transposeA;
      const [left, right] = flat ? [rowsOf(a), rowsOf(g)] : [a, g];
      const db = transposeB
        ? matmul(right, left, { transposeA: true, transposeB: transposeA, alpha })
        : matmul(left, right, { transposeA: !transposeA, alpha });
      return [da, db];
    },
  } satisfies Operator<ProductAttributes & Attributes, 2>,
};

/** α x Wᵀ with quantised weights W [N, K]. */
function quantizedProduct(emitter: Emitter, x: string, weights: QuantizedWeights, alpha: number): string {
  const { codes, scales, n, k, bits, block } = weights;
  const sizes = { N: { int: n }, K: { int: k }, bits: { int: bits }, block_size: { int: block } };
  // Level 4: x is rounded to 8 bits as well, block by block, so that the sums are of integers.
  const attributes = { ...sizes, accuracy_level: { int: 4 } };
  return scaled(
    emitter,
    emitter.node("MatMulNBits", [x, codes, scales], attributes, { domain: "com.microsoft" }),
    alpha,
  );
}

/** x [..., D] as a matrix [rows, D]. */
export function rowsOf(x: Tensor): Tensor {
  const rows = x.shape.slice(0, -1).reduce(multiplyDimensions, 1);
  return reshape(x, [rows, at(x.shape, -1)]);
}

function matrixOf(shape: Shape, transposed: boolean) {
  const [rows, columns] = [at(shape, -2), at(shape, -1)];
  return transposed ? ([columns, rows] as const) : ([rows, columns] as const);
}
