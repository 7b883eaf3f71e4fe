/**
 * What becomes of a pass through the model, in the device's thread: its new rows go into the cache, its logits to whoever asked.
 *
 * Shapes: B sequences, T new tokens, D channels, V vocabulary.
 */

import { scoreToken, type TokenScore } from "./scores.ts";

/**
 * The layout of a cache of keys or values: [lanes, rows, room, columns], with a token's D numbers as rows x columns of them, at its
 * place in the room.
 */
export interface CacheArray {
  readonly name: string;
  readonly rows: number;
  readonly room: number;
  readonly columns: number;
}

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
  /** The caches, in the order of the rows. */
  readonly caches: readonly CacheArray[];
  readonly batch: number;
  readonly time: number;
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
  const { caches, batch, time, targets, vocabulary, score } = parameters;
  const rows = arrays["rows"] ?? new Float32Array();
  for (const [index, cache] of caches.entries()) {
    for (const target of targets) storeTarget(arrays, cache, rows, (index * batch + target.from) * time, target);
  }
  const logits = arrays["logits"] ?? new Float32Array();
  if (score === undefined) return { logits, scores: [] };
  const row = (index: number) => logits.subarray(index * vocabulary, (index + 1) * vocabulary);
  const scores = score.tokens.map((token, index) => scoreToken(row(index), token, score.top));
  return { logits: logits.slice(-vocabulary), scores };
}

/** Copies the new tokens of one sequence into one cache, from a row [D] on. */
function storeTarget(
  arrays: Arrays,
  { name, rows, room, columns }: CacheArray,
  source: Float32Array,
  first: number,
  { lane, position, count }: RowTarget,
): void {
  const cache = cacheOf(arrays, name);
  for (let row = 0; row < rows; row++) {
    const start = ((lane * rows + row) * room + position) * columns;
    for (let t = 0; t < count; t++) {
      const from = ((first + t) * rows + row) * columns;
      for (let column = 0; column < columns; column++) {
        cache[start + t * columns + column] = source[from + column] ?? 0;
      }
    }
  }
}

export interface MoveParameters {
  /** The caches to read and to write, in pairs. */
  readonly from: readonly CacheArray[];
  readonly to: readonly CacheArray[];
  readonly moves: readonly { readonly from: number; readonly to: number; readonly length: number }[];
}

/** Copies whole sequences from some caches to others with another number of lanes or another room. */
export function moveLanes(arrays: Arrays, { from, to, moves }: MoveParameters): void {
  for (const [index, { name, rows, room, columns }] of to.entries()) {
    const other = from[index];
    if (other === undefined) throw new Error(`internal: nothing to move to ${name}`);
    const [source, target] = [cacheOf(arrays, other.name), cacheOf(arrays, name)];
    for (const move of moves) {
      for (let row = 0; row < rows; row++) {
        const start = (move.from * rows + row) * other.room * columns;
        target.set(source.subarray(start, start + move.length * columns), (move.to * rows + row) * room * columns);
      }
    }
  }
}

function cacheOf(arrays: Arrays, name: string): Float32Array {
  const array = arrays[name];
  if (array === undefined) throw new Error(`internal: no cache ${name}`);
  return array;
}
