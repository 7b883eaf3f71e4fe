/**
 * A step of AdamW in pieces, which threads take one after the other until none is left: one that comes late finds none, and nothing waits
 * for it. The result is that of `adamw-kernel.ts` to the last bit, whoever takes which piece.
 */

import { required } from "../required.ts";
import { updateRows } from "./adamw-kernel.ts";
import { type AdamWParameters, clipFactor, type TensorUpdate } from "./adamw-parameters.ts";
import { CHUNK } from "./adamw-program.ts";
import { type ParameterArrays, sumSquares } from "./adamw-simd.ts";
import { updatesOf } from "./sharding.ts";

/** Numbers in a piece: whole chunks, so that sums are those of a whole array, and few enough that no thread waits long for the last. */
export const PIECE = 32 * CHUNK;

/** What a step's threads share, in memory of its own for each step. */
export interface SharedStep {
  /** How many pieces were taken and how many are done, of each part of the step, and the part: see `Word`. */
  readonly control: Int32Array;
  /** The squares of the gradients, summed over each chunk. */
  readonly squares: Float64Array;
  /** What gradients are multiplied by, once it is known. */
  readonly scale: Float64Array;
}

/** Positions in `control`. */
const Word = { measured: [0, 1], updated: [2, 3], part: 4 } as const;

/** Values of the part: gradients are measured, parameters are updated, or nothing is left to do. */
const Part = { measuring: 0, updating: 1, ended: 2 } as const;

/** The part of a tensor from one element up to another. */
interface Piece {
  readonly arrays: ParameterArrays;
  readonly update: TensorUpdate;
  readonly start: number;
  readonly end: number;
  /** Chunks of tensors and pieces before it. */
  readonly chunk: number;
}

export type StepNumbers = Omit<AdamWParameters, "shared" | "threads">;

const chunksOf = (length: number) => Math.ceil(length / CHUNK);

/** Memory for a step on so many numbers of each tensor. */
export function shareStep(lengths: readonly number[]): SharedStep {
  const chunks = lengths.reduce((sum, length) => sum + chunksOf(length), 0);
  return {
    control: new Int32Array(new SharedArrayBuffer(5 * Int32Array.BYTES_PER_ELEMENT)),
    squares: new Float64Array(new SharedArrayBuffer(chunks * Float64Array.BYTES_PER_ELEMENT)),
    scale: new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT)),
  };
}

/** A step, as one of its threads sees it. */
export class StepInPieces {
  readonly #arrays: readonly ParameterArrays[];
  readonly #step: StepNumbers;
  readonly #shared: SharedStep;
  readonly #pieces: readonly Piece[];

  /** @param arrays those of the tensors of the step, in their order */
  constructor(arrays: readonly ParameterArrays[], step: StepNumbers, shared: SharedStep) {
    this.#arrays = arrays;
    this.#step = step;
    this.#shared = shared;
    this.#pieces = piecesOf(arrays, step.tensors);
  }

  /**
   * The thread that owns the arrays: makes the step, with what others take of it. If the gradients are not finite, nothing is changed.
   * @returns the global norm of the gradients, before clipping
   */
  lead(): number {
    const { control, squares, scale } = this.#shared;
    let next: number = Part.ended;
    let norm: number;
    try {
      this.#take(Word.measured, (piece) => this.#measure(piece));
      this.#waitForAll(Word.measured);
      norm = Math.sqrt(this.#sumOf(squares)) / this.#step.lossScale;
      scale[0] = clipFactor(norm, this.#step.clip) / this.#step.lossScale;
      if (Number.isFinite(norm)) next = Part.updating;
    } finally {
      Atomics.store(control, Word.part, next);
      Atomics.notify(control, Word.part);
    }
    if (next === Part.ended) return norm;
    this.#take(Word.updated, (piece) => this.#update(piece));
    this.#waitForAll(Word.updated);
    return norm;
  }

  /** Any other thread: takes pieces as long as there are any. */
  help(): void {
    const { control } = this.#shared;
    this.#take(Word.measured, (piece) => this.#measure(piece));
    Atomics.wait(control, Word.part, Part.measuring);
    if (Atomics.load(control, Word.part) === Part.updating) this.#take(Word.updated, (piece) => this.#update(piece));
  }

  #take([taken, done]: readonly [number, number], work: (piece: Piece) => void): void {
    const { control } = this.#shared;
    for (;;) {
      const piece = this.#pieces[Atomics.add(control, taken, 1)];
      if (piece === undefined) return;
      work(piece);
      Atomics.add(control, done, 1);
      Atomics.notify(control, done);
    }
  }

  #waitForAll([, done]: readonly [number, number]): void {
    const { control } = this.#shared;
    for (;;) {
      const count = Atomics.load(control, done);
      if (count === this.#pieces.length) return;
      Atomics.wait(control, done, count);
    }
  }

  #measure({ arrays, start, end, chunk }: Piece): void {
    sumSquares(arrays.g.subarray(start, end), this.#shared.squares.subarray(chunk));
  }

  #update({ arrays, update, start, end }: Piece): void {
    const part = (array: Float32Array) => array.subarray(start, end);
    const numbers = { p: part(arrays.p), g: part(arrays.g), m: part(arrays.m), v: part(arrays.v) };
    const rows = updatesOf(update.rows, { start, end });
    updateRows(numbers, { decay: update.decay, rows }, this.#step, this.#shared.scale[0] ?? Number.NaN);
  }

  /** In the order in which one thread adds them: chunks of a tensor, then tensors. */
  #sumOf(squares: Float64Array): number {
    let [sum, chunk] = [0, 0];
    for (const { g } of this.#arrays) {
      let own = 0;
      for (const end = chunk + chunksOf(g.length); chunk < end; chunk++) own += squares[chunk] ?? Number.NaN;
      sum += own;
    }
    return sum;
  }
}

function piecesOf(all: readonly ParameterArrays[], updates: readonly TensorUpdate[]): Piece[] {
  const pieces: Piece[] = [];
  const byTensor = new Map(updates.entries());
  let chunk = 0;
  for (const [tensor, arrays] of all.entries()) {
    const update = required(byTensor, tensor);
    for (let start = 0; start < arrays.g.length; start += PIECE) {
      const end = Math.min(arrays.g.length, start + PIECE);
      pieces.push({ arrays, update, start, end, chunk });
      chunk += chunksOf(end - start);
    }
  }
  return pieces;
}
