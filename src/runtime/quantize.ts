/** Weights of a product in few bits, in the layout of ONNX Runtime's MatMulNBits. */

import type { Quantization } from "../tensor/index.ts";

/** Weights [N, K] quantised: blocks of K with a scale each, w ≈ scale · (code - 2^(bits - 1)). */
export interface QuantizedMatrix {
  /** uint8 [N, blocks, block · bits / 8]; of 4-bit codes, the first of a pair is in the low half of its byte. */
  readonly codes: Uint8Array;
  /** The scale of each block: [N, blocks]. */
  readonly scales: Float32Array;
}

/** What the weights are, and how they lie. */
export interface MatrixLayout {
  /** Rows and columns as they lie in memory. */
  readonly shape: readonly [number, number];
  /** Whether these are [K, N]. */
  readonly transposed: boolean;
}

/**
 * Quantises weights, each block by itself: its number of largest magnitude gets the code 0, the one furthest from the middle,
 * and the others are rounded to the nearest code. A block of zeros has scale 0. What a last block lacks counts as zero.
 */
export function quantizeMatrix(
  weights: Float32Array,
  { shape: [rows, columns], transposed }: MatrixLayout,
  { bits, block }: Quantization,
): QuantizedMatrix {
  const [n, k] = transposed ? [columns, rows] : [rows, columns];
  const [rowStride, stride] = transposed ? [1, columns] : [columns, 1];
  const blocks = Math.ceil(k / block);
  const bytes = (block * bits) / 8;
  const codes = new Uint8Array(n * blocks * bytes);
  const scales = new Float32Array(n * blocks);
  const values = new Float32Array(block);
  for (let index = 0; index < n * blocks; index++) {
    const start = (index % blocks) * block;
    const offset = Math.floor(index / blocks) * rowStride + start * stride;
    const count = Math.min(block, k - start);
    values.fill(0);
    for (let i = 0; i < count; i++) values[i] = weights[offset + i * stride] ?? 0;
    scales[index] = quantizeBlock(values, bits, codes.subarray(index * bytes, (index + 1) * bytes));
  }
  return { codes, scales };
}

/** Writes the codes of a block and returns its scale. */
function quantizeBlock(values: Float32Array, bits: 4 | 8, codes: Uint8Array): number {
  let furthest = 0;
  for (const value of values) if (Math.abs(value) > Math.abs(furthest)) furthest = value;
  const middle = 2 ** (bits - 1);
  const scale = Math.fround(furthest / -middle);
  for (let i = 0; i < values.length; i++) {
    const code = scale === 0 ? middle : Math.min(Math.round((values[i] ?? 0) / scale) + middle, 2 * middle - 1);
    if (bits === 8) codes[i] = code;
    else codes[i >> 1] = (codes[i >> 1] ?? 0) | (code << (4 * (i & 1)));
  }
  return scale;
}
