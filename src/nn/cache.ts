/**
 * The key–value cache of a trace: how a model's attention meets the tokens that went through it before.
 *
 * Shapes: B sequences, T new tokens of each, S earlier ones (of the longest sequence), D channels, W wanted positions.
 */

import {
  add,
  at,
  concat,
  constant,
  gather,
  greater,
  greaterOrEqual,
  input,
  range,
  reshape,
  rowsOf,
  symbol,
  type Tensor,
  where,
} from "../tensor/index.ts";

/** Far below any score. */
const NEVER = -1e9;

/** The earlier keys and values of one attention layer: inputs [S, B, D], a row for each token in the order of time. */
export interface LayerCache {
  /** Names of the two inputs. */
  readonly keys: string;
  readonly values: string;
  readonly width: number;
}

/** What a trace with a cache is given beside tokens and parameters, and what it gives beside logits. */
export class CacheTrace {
  /** int32 [B]: the earlier tokens of each sequence; rows from there on are not looked at. */
  readonly lengths: Tensor;
  /** float32 [B, 1, 1, S]: 0 where a sequence has an earlier token, far below any score elsewhere. */
  readonly earlierMask: Tensor;
  /** float32 [T, T]: 0 where a new token may look at a new one, far below any score elsewhere. */
  readonly newMask: Tensor;
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
    this.earlierMask = where(seen, constant(0), NEVER);
    const visible = greaterOrEqual(reshape(range(time), [time, 1]), reshape(range(time), [1, time]));
    this.newMask = where(visible, constant(0), NEVER);
  }

  /** The attention layers so far, in the order of the model. */
  get layers(): readonly LayerCache[] {
    return this.#layers;
  }

  /** The new rows of all layers, keys and values in turn: [2 · layers, B, T, D]. `undefined` for a model without attention. */
  get rows(): Tensor | undefined {
    return this.#rows.length === 0 ? undefined : concat(this.#rows, 0);
  }

  /** The positions of the new tokens: int32 [B, T]. */
  get positions(): Tensor {
    const [batch, time] = [at(this.#tokens.shape, 0), at(this.#tokens.shape, 1)];
    return add(reshape(this.lengths, [batch, 1]), reshape(range(time), [1, time]));
  }

  /** Takes the new keys and values of a layer, [B, T, D] each, and gives the earlier ones, [S, B, D] each. */
  extend({ keys, values }: { readonly keys: Tensor; readonly values: Tensor }) {
    const [batch, width] = [at(keys.shape, 0), at(keys.shape, -1)];
    if (typeof width !== "number") throw new Error("a cache needs a known width");
    const path = `cache.${this.#layers.length}`;
    const layer: LayerCache = { keys: `${path}.keys`, values: `${path}.values`, width };
    this.#layers.push(layer);
    this.#rows.push(...[keys, values].map((x) => reshape(x, [1, ...x.shape])));
    const earlier = (name: string) => input(name, [symbol("S"), batch, width]);
    return { keys: earlier(layer.keys), values: earlier(layer.values) };
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
