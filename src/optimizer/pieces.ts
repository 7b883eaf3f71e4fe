/**
 * Work on arrays in pieces, which threads take one after the other until none is left: one that comes late finds none,
 * and nobody waits for it. Who has taken a piece is waited for.
 */

import { CHUNK } from "./adamw-program.ts";

/**
 * Numbers in a piece: whole chunks, for sums over them to be those of a whole array, and few, so that the last is not
 * waited for long.
 */
export const PIECE = 32 * CHUNK;

/** A part of one of several arrays. */
export interface ArrayPart {
  /** The position of the array. */
  readonly array: number;
  /** The first element, and the one after the last. */
  readonly start: number;
  readonly end: number;
}

/** The pieces of arrays of some lengths. */
export function cutArrays(lengths: readonly number[]): ArrayPart[] {
  return lengths.flatMap((length, array) =>
    Array.from({ length: Math.ceil(length / PIECE) }, (_, index) => {
      return { array, start: index * PIECE, end: Math.min(length, (index + 1) * PIECE) };
    }),
  );
}

/**
 * Memory of one part of the work: how many pieces were taken, how many of these are over, and whether one of them
 * failed.
 */
export const shareCounts = (): Int32Array => new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));

const [TAKEN, OVER, FAILED] = [0, 1, 2];

/** More than there are pieces: whoever takes one now finds none. */
const NONE_LEFT = 2 ** 30;

/**
 * A piece takes a millisecond of an idle processor: where none is over for so many waits of so many milliseconds, a
 * thread has died. One long wait would count the time in which the process stood still.
 */
const [WAITS, WAIT] = [60, 1000];

/** One part of the work, as one of its threads sees it. */
export class Pieces<Piece> {
  readonly #pieces: readonly Piece[];
  readonly #counts: Int32Array;

  /** @param counts those of all threads that share the part, each of which has the same pieces */
  constructor(pieces: readonly Piece[], counts: Int32Array) {
    this.#pieces = pieces;
    this.#counts = counts;
  }

  /** Does what no other thread has taken. Where that fails, the one that leads is told. */
  take(work: (piece: Piece) => void): void {
    for (;;) {
      const piece = this.#pieces[Atomics.add(this.#counts, TAKEN, 1)];
      if (piece === undefined) return;
      try {
        work(piece);
      } catch (error) {
        Atomics.store(this.#counts, FAILED, 1);
        throw error;
      } finally {
        Atomics.add(this.#counts, OVER, 1);
        Atomics.notify(this.#counts, OVER);
      }
    }
  }

  /**
   * For the thread that owns the arrays: as `take`, and when it returns or throws, no other thread is at work on them.
   */
  lead(work: (piece: Piece) => void): void {
    try {
      this.take(work);
    } finally {
      this.#waitForOthers();
    }
    if (Atomics.load(this.#counts, FAILED) === 1) throw new Error("internal: a thread that helps has failed");
  }

  #waitForOthers(): void {
    const taken = Math.min(Atomics.exchange(this.#counts, TAKEN, NONE_LEFT), this.#pieces.length);
    for (let waits = 0; waits < WAITS; waits++) {
      const over = Atomics.load(this.#counts, OVER);
      if (over >= taken) return;
      if (Atomics.wait(this.#counts, OVER, over, WAIT) !== "timed-out") waits = 0;
    }
    throw new Error("internal: a thread that helps does not answer");
  }
}
