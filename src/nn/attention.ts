/**
 * Causal self-attention between tokens, and rotary positions.
 *
 * Shapes: B batch, T time, D channels, H heads, C = D / H channels of a head.
 */

import {
  add,
  at,
  cast,
  concat,
  constant,
  cos,
  type Dimension,
  elements,
  greaterOrEqual,
  matmul,
  mul,
  range,
  reshape,
  rotate,
  sin,
  softmax,
  type Tensor,
  transpose,
  where,
} from "../tensor/index.ts";
import { dropout } from "./dropout.ts";
import type { Scope } from "./scope.ts";

export interface AttentionOptions {
  readonly heads: number;
  /** Probability with which an attention weight is dropped while training. */
  readonly dropout: number;
  /** Channels of each head that are rotated by position; 0 for none. Even. */
  readonly rotary: number;
}

/** The base of the rotary angles (RoFormer, arXiv 2104.09864, section 3.2.2). */
const ROTARY_BASE = 10_000;

/**
 * Each token attends to itself and to those before it: softmax(Q Kᵀ / √C) V for each head. Records the weights
 * [B, H, T, T], as they are before dropout, as `weights`.
 * @param query [B, T, D], as key and value
 * @returns [B, T, D]
 */
export function causalAttention(
  scope: Scope,
  { query, key, value }: { readonly query: Tensor; readonly key: Tensor; readonly value: Tensor },
  options: AttentionOptions,
): Tensor {
  const { cache } = scope;
  if (cache !== undefined) {
    const [q, k] = [query, key].map((x) => rotatedRows(x, cache.positions, options));
    if (q === undefined || k === undefined) throw new Error("internal: two tensors");
    return cache.attend({ query: q, key: k, value }, options.heads);
  }
  const time = at(query.shape, 1);
  const width = staticWidth(query);
  const channels = width / options.heads;
  const rotated = (x: Tensor) => (options.rotary === 0 ? x : rotary(x, range(time), options.rotary));
  const q = rotated(splitHeads(query, options.heads)); // [B, H, T, C]
  const k = rotated(splitHeads(key, options.heads)); // [B, H, T, C]
  const v = splitHeads(value, options.heads); // [B, H, T, C]
  const scores = matmul(q, k, { transposeB: true, alpha: 1 / Math.sqrt(channels) }); // [B, H, T, T]
  const weights = softmax(add(scores, causalMask(time))); // [B, H, T, T]
  scope.record("weights", weights);
  const dropped = dropout(scope, weights, options.dropout);
  const attended = transpose(matmul(dropped, v), [0, 2, 1, 3]); // [B, T, H, C]
  return reshape(attended, [at(query.shape, 0), time, width]); // [B, T, D]
}

/** 0 where a row's token may look at a column's, far below any score elsewhere: [T, T]. */
function causalMask(time: Dimension): Tensor {
  const positions = range(time);
  const visible = greaterOrEqual(reshape(positions, [time, 1]), reshape(positions, [1, time]));
  return where(visible, constant(0), -1e9);
}

/** [B, T, D] → [B, H, T, C]. */
function splitHeads(x: Tensor, heads: number): Tensor {
  const [batch, time] = [at(x.shape, 0), at(x.shape, 1)];
  return transpose(reshape(x, [batch, time, heads, staticWidth(x) / heads]), [0, 2, 1, 3]);
}

/** x [B, T, D] rotated by positions int32 [B, T], which may differ between sequences. */
function rotatedRows(x: Tensor, positions: Tensor, { heads, rotary: channels }: AttentionOptions): Tensor {
  if (channels === 0) return x;
  const rows = elements(positions.shape); // B · T, as one long sequence
  const long = reshape(x, [1, rows, staticWidth(x)]);
  return reshape(rotary(long, reshape(positions, [rows]), channels, heads), x.shape);
}

/**
 * Rotates the first `channels` channels of each head by position · base^(-2c / channels): x [B, H, T, C], or with heads
 * [B, T, D]; positions [T].
 */
function rotary(x: Tensor, positions: Tensor, channels: number, heads?: number): Tensor {
  const pairs = Array.from({ length: channels / 2 }, (_, pair) => ROTARY_BASE ** ((-2 * pair) / channels));
  const frequencies = concat(
    pairs.map((frequency) => reshape(constant(frequency), [1, 1])),
    1,
  ); // [1, channels / 2]
  const angles = mul(cast(reshape(positions, [at(positions.shape, 0), 1]), "float32"), frequencies); // [T, channels / 2]
  return rotate(x, cos(angles), sin(angles), heads);
}

function staticWidth(x: Tensor): number {
  const width = at(x.shape, -1);
  if (typeof width !== "number") throw new Error("attention needs a known width");
  return width;
}
