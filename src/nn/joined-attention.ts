/**
 * Self-attention of new tokens to themselves and to earlier ones, which lie apart.
 *
 * Shapes: B sequences, T new tokens, S earlier ones, D channels, H heads, C = D / H channels of a head.
 */

import { add, at, concat, matmul, mul, reshape, slice, softmax, type Tensor, transpose } from "../tensor/index.ts";

/** Queries, keys and values of new tokens: [B, T, D] each, already rotated. */
export interface NewTokens {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
}

/** Keys [B, H, C, S] and values [B, H, S, C] of earlier tokens, S at least 1, and what is added to scores of them [B, H, T, S]. */
export interface EarlierTokens {
  readonly keys: Tensor;
  readonly values: Tensor;
  readonly mask: Tensor;
}

/**
 * softmax(Q Kᵀ / √C) V for each head, with the keys and values of earlier tokens before the new ones. The scores are joined,
 * not the keys and values, so that the earlier ones are read where they lie.
 * @param newMask is added to scores of new tokens [B, H, T, T]
 * @returns [B, T, D]
 */
export function joinedAttention(
  { query, key, value }: NewTokens,
  earlier: EarlierTokens,
  newMask: Tensor,
  heads: number,
): Tensor {
  const width = at(query.shape, 2);
  if (typeof width !== "number") throw new Error("attention needs a known width");
  const channels = width / heads;
  const past = at(earlier.values.shape, 2);
  const split = (x: Tensor, axes: readonly number[]) =>
    transpose(reshape(x, [at(x.shape, 0), at(x.shape, 1), heads, channels]), axes);
  // The factor 1 / √C is none of the products, nor right before them, where ONNX Runtime makes it one: its fast kernel for a single row has none.
  const q = split(mul(query, 1 / Math.sqrt(channels)), [0, 2, 1, 3]); // [B, H, T, C]
  const scores = concat(
    [
      add(matmul(q, earlier.keys), earlier.mask), // [B, H, T, S]
      add(matmul(q, split(key, [0, 2, 3, 1])), newMask), // [B, H, T, T]
    ],
    3,
  );
  const weights = softmax(scores); // [B, H, T, S + T]
  const attended = add(
    matmul(slice(weights, 3, 0, past), earlier.values),
    matmul(slice(weights, 3, past, at(weights.shape, 3)), split(value, [0, 2, 1, 3])),
  ); // [B, H, T, C]
  return reshape(transpose(attended, [0, 2, 1, 3]), query.shape);
}
