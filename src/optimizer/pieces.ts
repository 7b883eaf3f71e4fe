/**
 * Work on arrays in pieces, which threads take one after the other until none is left: one that comes late finds none, and nothing waits
 * for it.
 */

import { CHUNK } from "./adamw-program.ts";

/** Numbers in a piece: whole chunks, so that sums over them are those of a whole array, and few enough that no thread waits long for the last. */
export const PIECE = 32 * CHUNK;

/** The pieces of arrays of some lengths: each has its array's position, and its first element and the one after its last. */
export function piecesOf(lengths: readonly number[]) {
  return lengths.flatMap((length, array) =>
    Array.from({ length: Math.ceil(length / PIECE) }, (_, index) => {
      return { array, start: index * PIECE, end: Math.min(length, (index + 1) * PIECE) };
    }),
  );
}

/** Memory of one part of the work: how many pieces were taken, and how many are done. */
export const shareCounts = (): Int32Array => new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));

const [TAKEN, DONE] = [0, 1];

/** One part of the work, as one of its threads sees it. */
export class Pieces<Piece> {
  readonly #pieces: readonly Piece[];
  readonly #counts: Int32Array;

  /** @param counts those of all threads that share the part, each of which has the same pieces */
  constructor(pieces: readonly Piece[], counts: Int32Array) {
    this.#pieces = pieces;
    this.#counts = counts;
  }

  /** Does what no other thread has taken. */
  take(work: (piece: Piece) => void): void {
    for (;;) {
      const piece = this.#pieces[Atomics.add(this.#counts, TAKEN, 1)];
      if (piece === undefined) return;
      work(piece);
      Atomics.add(this.#counts, DONE, 1);
      Atomics.notify(this.#counts, DONE);
    }
  }

  /** Waits until all that was taken is done, by whichever thread. */
  waitForAll(): void {
    for (;;) {
      const done = Atomics.load(this.#counts, DONE);
      if (done === this.#pieces.length) return;
      Atomics.wait(this.#counts, DONE, done);
    }
  }
}
