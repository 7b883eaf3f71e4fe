/**
 * What becomes of a pass through the model, in the device's thread: its new rows go into the cache, its logits to whoever asked.
 *
 * Shapes: B sequences, T new tokens, D channels, V vocabulary; caches are [time, lanes, D], a row of lanes for each token.
 */

import { scoreToken, type TokenScore } from "./scores.ts";

/** Where the new rows of a sequence go. */
export interface RowTarget {
  /** The sequence's place in the pass, from 0 to B - 1. */
  readonly from: number;
  /** Its place in the cache. */
  readonly lane: number;
  /** The position of its first new token. */
  readonly position: number;
  /** How many of its T new tokens are kept. */
  readonly count: number;
}

export interface StoreParameters {
  /** Names of the caches, in the order of the rows. */
  readonly caches: readonly string[];
  readonly batch: number;
  readonly time: number;
  readonly width: number;
  /** Places of each row of lanes in the caches. */
  readonly lanes: number;
  readonly targets: readonly RowTarget[];
  readonly vocabulary: number;
  /** Scores to make of the first rows of logits: the token that followed each, and how many of the most likely to list. */
  readonly score?: { readonly tokens: readonly number[]; readonly top: number } | undefined;
}

/** What a pass gives: the logits of its last wanted row where scores were asked for, else of all wanted rows. */
export interface PassResult {
  readonly logits: Float32Array;
  readonly scores: readonly TokenScore[];
}

type Arrays = Readonly<Record<string, Float32Array | undefined>>;

/** Copies `rows` [caches, B, T, D] into the caches, and scores `logits` [W, V]. */
export function storeRows(arrays: Arrays, parameters: StoreParameters): PassResult {
  const { caches, batch, time, width, lanes, targets, vocabulary, score } = parameters;
  const rows = arrays["rows"];
  for (const [layer, name] of caches.entries()) {
    const cache = arrays[name];
    if (cache === undefined || rows === undefined) throw new Error(`internal: no cache ${name}`);
    for (const { from, lane, position, count } of targets) {
      for (let t = 0; t < count; t++) {
        const start = ((layer * batch + from) * time + t) * width;
        cache.set(rows.subarray(start, start + width), ((position + t) * lanes + lane) * width);
      }
    }
  }
  const logits = arrays["logits"] ?? new Float32Array();
  if (score === undefined) return { logits, scores: [] };
  const row = (index: number) => logits.subarray(index * vocabulary, (index + 1) * vocabulary);
  const scores = score.tokens.map((token, index) => scoreToken(row(index), token, score.top));
  return { logits: logits.slice(-vocabulary), scores };
}

export interface MoveParameters {
  /** Names of the caches to read and to write, in pairs. */
  readonly caches: readonly { readonly from: string; readonly to: string }[];
  readonly width: number;
  readonly lanes: { readonly from: number; readonly to: number };
  readonly moves: readonly { readonly from: number; readonly to: number; readonly length: number }[];
}

/** Copies whole sequences from some caches to others with another number of lanes. */
export function moveLanes(arrays: Arrays, { caches, width, lanes, moves }: MoveParameters): void {
  for (const names of caches) {
    const [source, target] = [arrays[names.from], arrays[names.to]];
    if (source === undefined || target === undefined) throw new Error(`internal: no cache ${names.from}`);
    for (const { from, to, length } of moves) {
      for (let t = 0; t < length; t++) {
        const start = (t * lanes.from + from) * width;
        target.set(source.subarray(start, start + width), (t * lanes.to + to) * width);
      }
    }
  }
}
