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
  slice,
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
  /** Channels of each head that are rotated by position: an even number, 0 for none. */
  readonly rotary: number;
}

/**
 * With a known number of tokens, attention is computed in blocks of rows, each without the columns after its last row, which
 * the mask would hide: in two, and in four above so many tokens, of at least so many rows, as each makes the program larger.
 */
const FOUR_BLOCKS_ABOVE = 512;
const BLOCK_ROWS = 64;

/** The base of the rotary angles (RoFormer, arXiv 2104.09864, section 3.2.2). */
const ROTARY_BASE = 10_000;

/**
 * Each token attends to itself and to those before it, of its own document where the scope has these: softmax(Q Kᵀ / √C) V for each head. Records the weights
 * [B, H, T, T], as they are before dropout, as `weights`, unless they are computed in blocks.
 * @param query [B, T, D], as key and value
 * @returns [B, T, D]
 * @throws RangeError for options that do not fit D
 */
export function causalAttention(
  scope: Scope,
  { query, key, value }: { readonly query: Tensor; readonly key: Tensor; readonly value: Tensor },
  options: AttentionOptions,
): Tensor {
  const { cache } = scope;
  const width = staticWidth(query);
  const channels = channelsOf(width, options);
  if (cache !== undefined) {
    const [q, k] = [query, key].map((x) => rotatedRows(x, cache.positions, options));
    if (q === undefined || k === undefined) throw new Error("internal: two tensors");
    return cache.attend({ query: q, key: k, value }, options.heads);
  }
  const time = at(query.shape, 1);
  const rotated = (x: Tensor) => (options.rotary === 0 ? x : rotary(x, range(time), options.rotary));
  const q = rotated(splitHeads(query, options.heads)); // [B, H, T, C]
  const k = rotated(splitHeads(key, options.heads)); // [B, H, T, C]
  const v = splitHeads(value, options.heads); // [B, H, T, C]
  const blocks = rowBlocks(time);
  const attendedBlocks = blocks.map(([from, to]) => {
    // R rows of queries, and the S tokens up to the last of them.
    const upTo = (x: Tensor, start: number) => slice(x, 2, start, to);
    const scores = matmul(upTo(q, from), upTo(k, 0), { transposeB: true, alpha: 1 / Math.sqrt(channels) }); // [B, H, R, S]
    const weights = softmax(add(scores, maskOf(scope.documents, from, to))); // [B, H, R, S]
    if (blocks.length === 1) scope.record("weights", weights);
    return matmul(dropout(scope, weights, options.dropout), upTo(v, 0)); // [B, H, R, C]
  });
  const attended = concat(attendedBlocks, 2); // [B, H, T, C]
  return reshape(transpose(attended, [0, 2, 1, 3]), [at(query.shape, 0), time, width]); // [B, T, D]
}

/** The channels of a head. Throws a RangeError for heads that do not divide the width, and for channels that cannot be rotated. */
function channelsOf(width: number, { heads, rotary }: AttentionOptions): number {
  if (!(Number.isSafeInteger(heads) && heads > 0 && width % heads === 0)) {
    throw new RangeError(`causalAttention: heads is ${heads}, expected a divisor of the width ${width}`);
  }
  const channels = width / heads;
  if (rotary >= 0 && rotary <= channels && rotary % 2 === 0) return channels;
  throw new RangeError(
    `causalAttention: rotary is ${rotary}, expected an even number from 0 to ${channels}, the channels of a head`,
  );
}

/** Rows from … to of the scores that are computed together: all of them, where they are few or their number is not known. */
function rowBlocks(time: Dimension): readonly (readonly [from: number, to: Dimension])[] {
  if (typeof time !== "number") return [[0, time]];
  const size = Math.max(BLOCK_ROWS, Math.ceil(time / (time > FOUR_BLOCKS_ABOVE ? 4 : 2)));
  return Array.from({ length: Math.ceil(time / size) }, (_, block) => [
    block * size,
    Math.min(time, (block + 1) * size),
  ]);
}

/** What hides tokens, for rows from … to: those that come later, [R, S], and those of other documents, [B, 1, R, S]. */
function maskOf(documents: Tensor | undefined, from: number, to: Dimension): Tensor {
  const causal = causalMask(from, to);
  if (documents === undefined) return causal;
  const batch = at(documents.shape, 0);
  const columns = slice(documents, 1, 0, to); // [B, S]
  const rows = slice(documents, 1, from, to); // [B, R]
  const [own, other] = [
    reshape(rows, [batch, 1, at(rows.shape, 1), 1]),
    reshape(columns, [batch, 1, 1, at(columns.shape, 1)]),
  ];
  // The documents of a row are numbered in their order: one of an earlier token is no later one.
  return where(greaterOrEqual(other, own), causal, -1e9);
}

/** For rows from … to: 0 where a row's token may look at a column's, far below any score elsewhere: [to - from, to]. */
function causalMask(from: number, to: Dimension): Tensor {
  const columns = range(to);
  const rows = from === 0 ? columns : slice(columns, 0, from, to);
  const visible = greaterOrEqual(reshape(rows, [at(rows.shape, 0), 1]), reshape(columns, [1, to]));
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
