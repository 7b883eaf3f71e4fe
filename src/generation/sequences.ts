/** What writes sequences token by token. */

import { UserError } from "../errors.ts";
import { OneByOne } from "../one-by-one.ts";
import type { TokenScore } from "./scores.ts";

export interface StartOptions {
  /** Also scores each token of the prompt, with this many of the most likely ones at its place. Default: no scores. */
  readonly scores?: number | undefined;
  /** Which of the gated generations of a decoder it has, by their place among these. Default: none. */
  readonly gates?: readonly number[] | undefined;
  /** Ends the prompt pass early: `start` then throws the signal's reason, and takes no slot. */
  readonly signal?: AbortSignal | undefined;
}

/** A sequence that was begun. */
export interface Started {
  /** Its slot, until it is freed. */
  readonly slot: number;
  /** The logits [V] of the token that follows the prompt. */
  readonly logits: Float32Array;
  /** A score for each token of the prompt but the first, which nothing predicts. Empty unless asked for. */
  readonly scores: readonly TokenScore[];
}

/** What writes sequences token by token: a `Decoder`, or `windowed` for a model without a cache. */
export interface Sequences {
  /** The longest sequence, in tokens. */
  readonly context: number;
  /** How many of its last tokens a full sequence should be begun anew with, to go on. */
  readonly kept: number;
  /** Begins a sequence in a free slot. */
  start(ids: ArrayLike<number>, options?: StartOptions): Promise<Started>;
  /** Appends a token to some sequences, by slot, and gives the logits [V] of what follows each. */
  step(tokens: ReadonlyMap<number, number>): Promise<Map<number, Float32Array>>;
  /** Ends a sequence: its slot can be used again. */
  free(slot: number): void;
}

/** The logits [V] of the token that follows a window of token ids. */
export type NextLogits = (window: Int32Array) => Promise<Float32Array>;

/** The slot of a new sequence: the first that none has. Throws a `UserError` where all are taken. */
export function freeSlot(sequences: ReadonlyMap<number, unknown>, slots: number): number {
  let slot = 0;
  while (sequences.has(slot)) slot++;
  if (slot < slots) return slot;
  throw new UserError(`all ${slots} slots are taken; free one first`);
}

/** The sequence of a slot. Throws an Error for a slot that is free. */
export function sequenceAt<Sequence>(sequences: ReadonlyMap<number, Sequence>, slot: number): Sequence {
  const sequence = sequences.get(slot);
  if (sequence !== undefined) return sequence;
  throw new Error(`slot ${slot} is free`);
}

/** Throws a `UserError` for a prompt of so many tokens with which no sequence can begin. */
export function requirePrompt(length: number, context: number): void {
  if (length === 0) throw new UserError("a sequence begins with one token at least, got none");
  if (length > context) {
    throw new UserError(`the prompt has ${length} tokens, the model's context ${context}; shorten it`);
  }
}

/** Throws a `UserError` for a sequence of so many tokens that can take no further one. */
export function requireRoom(length: number, context: number): void {
  if (length < context) return;
  throw new UserError(`the sequence is full: it has the ${context} tokens of the model's context`);
}

/**
 * Sequences of a model without a cache, for example one whose attention is its own: the whole window goes through it for each
 * token. It gives no scores of prompts.
 * @param context the longest window of the model
 * @param slots sequences at once, at most; default: any number
 */
export function windowed(next: NextLogits, context: number, slots: number = Number.POSITIVE_INFINITY): Sequences {
  const sequences = new Map<number, readonly number[]>();
  const turns = new OneByOne();
  const after = (ids: readonly number[]) => next(Int32Array.from(ids));
  return {
    context,
    kept: context, // as each window is new anyway
    async start(given, { signal } = {}) {
      const ids = Array.from(given);
      requirePrompt(ids.length, context);
      const slot = freeSlot(sequences, slots);
      sequences.set(slot, ids);
      try {
        const logits = await turns.do(async () => {
          signal?.throwIfAborted();
          return after(ids);
        });
        return { slot, logits, scores: [] };
      } catch (error) {
        if (sequences.get(slot) === ids) sequences.delete(slot);
        throw error;
      }
    },
    step: (tokens) =>
      turns.do(async () => {
        const steps = [...tokens].map(([slot, token]) => {
          const ids = sequenceAt(sequences, slot);
          requireRoom(ids.length, context);
          return { slot, ids, longer: [...ids, token] };
        });
        const results = new Map<number, Float32Array>();
        for (const { slot, longer } of steps) results.set(slot, await after(longer));
        // Last, so that a fault leaves all of them as they were; one that was freed meanwhile stays so.
        for (const { slot, ids, longer } of steps) if (sequences.get(slot) === ids) sequences.set(slot, longer);
        return results;
      }),
    free: (slot) => void sequences.delete(slot),
  };
}
