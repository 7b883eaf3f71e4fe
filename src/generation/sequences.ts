/** What writes sequences token by token. */

import { UserError } from "../errors.ts";
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

/**
 * Sequences of a model without a cache, for example one whose attention is its own: the whole window goes through it for each
 * token. It gives no scores of prompts.
 * @param context the longest window of the model
 */
export function windowed(next: NextLogits, context: number): Sequences {
  const sequences = new Map<number, number[]>();
  let slots = 0;
  const after = (ids: readonly number[]) => next(Int32Array.from(ids));
  return {
    context,
    kept: context, // as each window is new anyway
    async start(ids) {
      const slot = slots++;
      sequences.set(slot, [...Array.from(ids)]);
      return { slot, logits: await after(Array.from(ids)), scores: [] };
    },
    async step(tokens) {
      const results = new Map<number, Float32Array>();
      for (const [slot, token] of tokens) {
        const ids = sequences.get(slot);
        if (ids === undefined) throw new Error(`internal: slot ${slot} is free`);
        if (ids.length >= context)
          throw new UserError(`the sequence is full: it has the ${context} tokens of the context`);
        ids.push(token);
        results.set(slot, await after(ids));
      }
      return results;
    },
    free: (slot) => void sequences.delete(slot),
  };
}
