/**
 * The kernels of `adamw-kernel.ts` in pieces, for several threads: with the same numbers to the last bit, whoever does
 * what.
 */

import { required } from "../required.ts";
import { leaveOut, updateRows } from "./adamw-kernel.ts";
import { type AdamWParameters, clipFactor, type TensorUpdate } from "./adamw-parameters.ts";
import { CHUNK } from "./adamw-program.ts";
import { addGradients, type ParameterArrays, sumSquares } from "./adamw-simd.ts";
import { type ArrayPart, cutArrays, Pieces, shareCounts } from "./pieces.ts";
import { updatesOf } from "./sharding.ts";

/** What the threads of a step share, in memory of its own for each step. */
export interface SharedStep {
  readonly measured: Int32Array;
  readonly updated: Int32Array;
  /** What is done: see `Phase`. */
  readonly phase: Int32Array;
  /** The squares of the gradients, summed over each chunk. */
  readonly squares: Float64Array;
  /** What gradients are multiplied by, once it is known. */
  readonly scale: Float64Array;
}

/** Gradients are measured, parameters are updated, or nothing is left to do. */
export const Phase = { measuring: 0, updating: 1, ended: 2 } as const;

export type StepNumbers = Omit<AdamWParameters, "shared">;

/** A part of a tensor. */
interface StepPiece {
  readonly arrays: ParameterArrays;
  readonly update: TensorUpdate;
  readonly start: number;
  readonly end: number;
  /** Chunks of the tensors and pieces before it. */
  readonly chunk: number;
}

const chunksOf = (length: number) => Math.ceil(length / CHUNK);

/** Memory for a step on so many numbers of each tensor. */
export function shareStep(lengths: readonly number[]): SharedStep {
  const chunks = lengths.reduce((sum, length) => sum + chunksOf(length), 0);
  return {
    measured: shareCounts(),
    updated: shareCounts(),
    phase: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)),
    squares: new Float64Array(new SharedArrayBuffer(chunks * Float64Array.BYTES_PER_ELEMENT)),
    scale: new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT)),
  };
}

/** A step, as one of its threads sees it. */
export class StepInPieces {
  readonly #arrays: readonly ParameterArrays[];
  readonly #step: StepNumbers;
  readonly #shared: SharedStep;
  readonly #measured: Pieces<StepPiece>;
  readonly #updated: Pieces<StepPiece>;

  /** @param arrays those of the tensors of the step, in their order */
  constructor(arrays: readonly ParameterArrays[], step: StepNumbers, shared: SharedStep) {
    this.#arrays = arrays;
    this.#step = step;
    this.#shared = shared;
    const pieces = stepPieces(arrays, step.tensors);
    this.#measured = new Pieces(pieces, shared.measured);
    this.#updated = new Pieces(pieces, shared.updated);
  }

  /**
   * The thread that owns the arrays: makes the step, with what others take of it. If the gradients are not finite,
   * nothing is changed.
   * @returns the global norm of the gradients, before clipping
   * @throws Error where another thread has failed: what it was to update may be half updated
   */
  lead(): number {
    const { phase, scale } = this.#shared;
    let next: number = Phase.ended;
    let norm: number;
    try {
      this.#measured.lead((piece) => this.#measure(piece));
      norm = Math.sqrt(this.#squares()) / this.#step.lossScale;
      scale[0] = clipFactor(norm, this.#step.clip) / this.#step.lossScale;
      if (Number.isFinite(norm)) next = Phase.updating;
    } finally {
      Atomics.store(phase, 0, next);
      Atomics.notify(phase, 0);
    }
    if (next === Phase.ended) return norm;
    this.#updated.lead((piece) => this.#update(piece));
    return norm;
  }

  /** Any other thread: takes pieces as long as there are any. */
  help(): void {
    const { phase } = this.#shared;
    this.#measured.take((piece) => this.#measure(piece));
    Atomics.wait(phase, 0, Phase.measuring);
    if (Atomics.load(phase, 0) === Phase.updating) this.#updated.take((piece) => this.#update(piece));
  }

  #measure({ arrays, update, start, end, chunk }: StepPiece): void {
    const g = arrays.g.subarray(start, end);
    leaveOut(g, updatesOf(update.rows, { start, end }));
    sumSquares(g, this.#shared.squares.subarray(chunk));
  }

  #update({ arrays, update, start, end }: StepPiece): void {
    const part = (array: Float32Array) => array.subarray(start, end);
    const numbers = { p: part(arrays.p), g: part(arrays.g), m: part(arrays.m), v: part(arrays.v) };
    const rows = updatesOf(update.rows, { start, end });
    updateRows(numbers, { decay: update.decay, rows }, this.#step, this.#shared.scale[0] ?? Number.NaN);
  }

  /** Their sum, in the order in which one thread adds: chunks of a tensor, then tensors. */
  #squares(): number {
    const { squares } = this.#shared;
    let [sum, chunk] = [0, 0];
    for (const { g } of this.#arrays) {
      let own = 0;
      for (const end = chunk + chunksOf(g.length); chunk < end; chunk++) own += squares[chunk] ?? Number.NaN;
      sum += own;
    }
    return sum;
  }
}

function stepPieces(all: readonly ParameterArrays[], updates: readonly TensorUpdate[]): StepPiece[] {
  const [arrays, tensors] = [new Map(all.entries()), new Map(updates.entries())];
  let chunk = 0;
  return cutArrays(all.map(({ g }) => g.length)).map(({ array, start, end }) => {
    const piece = { arrays: required(arrays, array), update: required(tensors, array), start, end, chunk };
    chunk += chunksOf(end - start);
    return piece;
  });
}

/** A sum, and what is added to it. */
export interface SumArrays {
  readonly sum: Float32Array;
  readonly g: Float32Array;
}

/** Gradients that are added to sums, as one of the threads sees it. */
export class SumsInPieces {
  readonly #arrays: ReadonlyMap<number, SumArrays>;
  readonly #added: Pieces<ArrayPart>;

  constructor(arrays: readonly SumArrays[], counts: Int32Array) {
    this.#arrays = new Map(arrays.entries());
    this.#added = new Pieces(cutArrays(arrays.map(({ g }) => g.length)), counts);
  }

  /** The thread that owns the arrays: all is added when it returns. Throws as a step does. */
  lead(): void {
    this.#added.lead((part) => this.#add(part));
  }

  /** Any other thread. */
  help(): void {
    this.#added.take((part) => this.#add(part));
  }

  #add({ array, start, end }: ArrayPart): void {
    const { sum, g } = required(this.#arrays, array);
    addGradients(sum.subarray(start, end), [g.subarray(start, end)]);
  }
}
