/**
 * The key–value cache of a trace: how a model's attention meets the tokens that went through it before.
 *
 * Shapes: B sequences, T new tokens of each, S earlier ones (of the longest sequence), D channels, H heads, C = D / H channels
 * of a head, W wanted positions.
 */

import {
  add,
  addDimensions,
  at,
  concat,
  constant,
  expand,
  gather,
  greater,
  greaterOrEqual,
  input,
  matmul,
  mul,
  range,
  reshape,
  rowsOf,
  slice,
  softmax,
  symbol,
  type Tensor,
  transpose,
  where,
} from "../tensor/index.ts";
import { joinedAttention, type NewTokens } from "./joined-attention.ts";

/** A number far below any score: softmax makes 0 of it. */
const NEVER = -1e9;

/**
 * The earlier keys and values of one attention layer: inputs [B, H, C, S] and [B, H, S, C], in the order in which the products of a
 * single new token read them.
 */
export interface LayerCache {
  /** Names of the two inputs. */
  readonly keys: string;
  readonly values: string;
  readonly heads: number;
  /** Channels of a head. */
  readonly channels: number;
}

/** What a model needs of a cache. */
export interface Cache {
  /** The positions of the new tokens: int32 [B, T]. */
  readonly positions: Tensor;
  /** Attention of new tokens to earlier ones and to themselves: softmax(Q Kᵀ / √C) V for each head, [B, T, D]. */
  attend(layer: NewTokens, heads: number): Tensor;
  /** The rows of x [B, T, D] whose logits are wanted. */
  select(x: Tensor): Tensor;
}

/**
 * A cache that is kept between runs by whoever runs the program: rows of earlier tokens are inputs, rows of new ones an output.
 * Sequences may differ in length.
 */
export class CacheTrace implements Cache {
  /** int32 [B]: the earlier tokens of each sequence; rows from there on are not looked at. */
  readonly lengths: Tensor;
  /** [B, 1, 1, S]: 0 where a sequence has an earlier token, far below any score elsewhere. */
  readonly #earlierMask: Tensor;
  /** [T, T]: 0 where a new token may look at a new one, far below any score elsewhere. */
  readonly #newMask: Tensor;
  readonly #tokens: Tensor;
  readonly #layers: LayerCache[] = [];
  readonly #rows: Tensor[] = [];
  #selected = false;

  /** @param tokens int32 [B, T]: the new tokens */
  constructor(tokens: Tensor) {
    const [batch, time] = [at(tokens.shape, 0), at(tokens.shape, 1)];
    const past = symbol("S");
    this.#tokens = tokens;
    this.lengths = input("cache.lengths", [batch], "int32");
    const seen = greater(reshape(this.lengths, [batch, 1, 1, 1]), reshape(range(past), [1, 1, 1, past]));
    this.#earlierMask = where(seen, constant(0), NEVER);
    const visible = greaterOrEqual(reshape(range(time), [time, 1]), reshape(range(time), [1, time]));
    this.#newMask = where(visible, constant(0), NEVER);
  }

  /** The attention layers so far, in the order of the model. */
  get layers(): readonly LayerCache[] {
    return this.#layers;
  }

  /** The new rows of all layers, keys and values in turn: [2 · layers, B, T, D]. `undefined` for a model without attention. */
  get rows(): Tensor | undefined {
    return this.#rows.length === 0 ? undefined : concat(this.#rows, 0);
  }

  get positions(): Tensor {
    const [batch, time] = [at(this.#tokens.shape, 0), at(this.#tokens.shape, 1)];
    return add(reshape(this.lengths, [batch, 1]), reshape(range(time), [1, time]));
  }

  attend(layer: NewTokens, heads: number): Tensor {
    const { keys, values } = this.#extend(layer, heads);
    return joinedAttention(layer, { keys, values, mask: this.#earlierMask }, this.#newMask, heads);
  }

  /** Takes the new keys and values of a layer and gives the earlier ones. */
  #extend({ key, value }: NewTokens, heads: number) {
    const [batch, width] = [at(key.shape, 0), knownWidth(key)];
    const path = `cache.${this.#layers.length}`;
    const layer: LayerCache = { keys: `${path}.keys`, values: `${path}.values`, heads, channels: width / heads };
    this.#layers.push(layer);
    this.#rows.push(...[key, value].map((x) => reshape(x, [1, ...x.shape])));
    const [past, channels] = [symbol("S"), width / heads];
    return {
      keys: input(layer.keys, [batch, heads, channels, past]),
      values: input(layer.values, [batch, heads, past, channels]),
    };
  }

  /**
   * The rows of x [B, T, D] whose logits are wanted, as [1, W, D]: the flat indices into B · T are the input `cache.wanted`,
   * int32 [W]. Only the first call selects: a model calls it before its output layer, and whoever traces it after that.
   */
  select(x: Tensor): Tensor {
    if (this.#selected) return x;
    this.#selected = true;
    const wanted = symbol("W");
    const rows = gather(rowsOf(x), input("cache.wanted", [wanted], "int32"));
    return reshape(rows, [1, wanted, at(x.shape, -1)]);
  }
}

/**
 * A cache as other programs keep it: the keys and values of all tokens so far are outputs, and the next run's inputs. All
 * sequences have as many earlier tokens, none at first.
 */
export class PresentCache implements Cache {
  readonly positions: Tensor;
  /** [T, S + T] */
  readonly #mask: Tensor;
  readonly #present = new Map<string, Tensor>();

  /** @param tokens int32 [B, T]: the new tokens */
  constructor(tokens: Tensor) {
    const [batch, time] = [at(tokens.shape, 0), at(tokens.shape, 1)];
    const past = symbol("S");
    const end = addDimensions(past, time);
    const positions = slice(range(end), 0, past, end); // [T]
    this.positions = expand(reshape(positions, [1, time]), [batch, time]);
    const visible = greaterOrEqual(reshape(positions, [time, 1]), reshape(range(end), [1, end]));
    this.#mask = where(visible, constant(0), NEVER);
  }

  /** Outputs [B, H, S + T, C]: `present.<layer>.keys` and `present.<layer>.values`. */
  get present(): ReadonlyMap<string, Tensor> {
    return this.#present;
  }

  /** The earlier ones are inputs [B, H, S, C]: `past.<layer>.keys` and `past.<layer>.values`. */
  attend({ query, key, value }: NewTokens, heads: number): Tensor {
    const layer = this.#present.size / 2;
    // All tokens are joined, which costs no copy more, as they are outputs: an empty past alone makes ONNX Runtime's fused
    // products divide by zero.
    const keys = this.#extend(`${layer}.keys`, key, heads);
    const values = this.#extend(`${layer}.values`, value, heads);
    const channels = knownWidth(query) / heads;
    // As in `joinedAttention`: no constant factor in the products, nor right before them.
    const q = splitHeads(mul(query, 1 / Math.sqrt(channels)), heads);
    const scores = matmul(q, keys, { transposeB: true });
    const weights = softmax(add(scores, this.#mask)); // [B, H, T, S + T]
    return reshape(transpose(matmul(weights, values), [0, 2, 1, 3]), query.shape);
  }

  select(x: Tensor): Tensor {
    return x;
  }

  #extend(name: string, rows: Tensor, heads: number): Tensor {
    const earlier = input(`past.${name}`, [at(rows.shape, 0), heads, symbol("S"), knownWidth(rows) / heads]);
    const all = concat([earlier, splitHeads(rows, heads)], 2);
    this.#present.set(`present.${name}`, all);
    return all;
  }
}

/** [B, T, D] → [B, H, T, C] */
function splitHeads(x: Tensor, heads: number): Tensor {
  return transpose(reshape(x, [at(x.shape, 0), at(x.shape, 1), heads, knownWidth(x) / heads]), [0, 2, 1, 3]);
}

function knownWidth(x: Tensor): number {
  const width = at(x.shape, -1);
  if (typeof width !== "number") throw new Error("a cache needs a known width");
  return width;
}
