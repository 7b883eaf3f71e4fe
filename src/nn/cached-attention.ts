/**
 * Causal self-attention of new tokens to themselves and to a cache of earlier ones.
 *
 * Shapes: B sequences, T new tokens, S earlier ones, D channels, H heads, C = D / H channels of a head.
 */

import { add, at, concat, matmul, mul, reshape, slice, softmax, type Tensor, transpose } from "../tensor/index.ts";
import type { CacheTrace } from "./cache.ts";

/**
 * softmax(Q Kᵀ / √C) V for each head, with the keys and values of earlier tokens before the new ones. The scores are joined,
 * not the keys and values, so that the cache is read where it lies.
 * @param query [B, T, D], as key and value; already rotated
 * @returns [B, T, D]
 */
export function cachedAttention(
  cache: CacheTrace,
  { query, key, value }: { readonly query: Tensor; readonly key: Tensor; readonly value: Tensor },
  heads: number,
): Tensor {
  const [batch, time, width] = [at(query.shape, 0), at(query.shape, 1), at(query.shape, 2)];
  if (typeof width !== "number") throw new Error("attention needs a known width");
  const channels = width / heads;
  const earlier = cache.extend({ keys: key, values: value });
  const past = at(earlier.keys.shape, 0);
  const split = (x: Tensor, axes: readonly number[]) =>
    transpose(reshape(x, [at(x.shape, 0), at(x.shape, 1), heads, channels]), axes);
  // No constant factor in the products: ONNX Runtime's kernel for a single row has none.
  const q = split(mul(query, 1 / Math.sqrt(channels)), [0, 2, 1, 3]); // [B, H, T, C]
  const scores = concat(
    [
      add(matmul(q, split(earlier.keys, [1, 2, 3, 0])), cache.earlierMask), // [B, H, T, S]
      add(matmul(q, split(key, [0, 2, 3, 1])), cache.newMask), // [B, H, T, T]
    ],
    3,
  );
  const weights = softmax(scores); // [B, H, T, S + T]
  const end = at(weights.shape, 3);
  const attended = add(
    matmul(slice(weights, 3, 0, past), split(earlier.values, [1, 2, 0, 3])),
    matmul(slice(weights, 3, past, end), split(value, [0, 2, 1, 3])),
  ); // [B, H, T, C]
  return reshape(transpose(attended, [0, 2, 1, 3]), [batch, time, width]);
}
