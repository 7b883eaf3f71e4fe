/** How likely a model finds given tokens: what multiple-choice tasks, and clients that ask for `echo`, are answered from. */

import { UserError } from "../errors.ts";
import { type Inference, requireKnown } from "../inference/index.ts";
import { GATES, type GatedGenerations, gateInput, type Traced } from "../model/index.ts";
import { required } from "../required.ts";
import type { HostTensor, Program } from "../runtime/index.ts";
import { at, elements, gather, input, logSoftmax, pick, reshape, rowsOf, type Tensor, topK } from "../tensor/index.ts";

/** What a model makes of a sequence of T tokens. */
export interface SequenceScores {
  /** ln p of tokens 1 … T - 1, each given all before it [T - 1]. */
  readonly logProbabilities: Float32Array;
  /** How many most likely tokens are given at each place. */
  readonly top: number;
  /** The most likely tokens at places 1 … T - 1, best first [T - 1, top]. */
  readonly topIds: Int32Array;
  readonly topLogProbabilities: Float32Array;
  /** The logits of the token that would follow [V]; empty where the scorer gives none. */
  readonly next: Float32Array;
}

export interface ScorerOptions {
  /** How many most likely tokens to give at each place; fewer if the vocabulary has fewer. */
  readonly top: number;
  /**
   * Whether the logits of the token that would follow are given. Default: true. Without them the last token of a sequence is only predicted,
   * so that a sequence may be one longer than the model's context.
   */
  readonly next?: boolean;
  /** Generations of parameter tokens that sequences have or have not. Default: all have all. */
  readonly gated?: GatedGenerations | undefined;
}

/** Sequences that go through the model together have at most this many logits, unless it is one alone. */
const LOGITS_AT_ONCE = 2 ** 25;
/** Sequences that go through the model together have at most this many tokens: more make it no faster. */
const TOKENS_AT_ONCE = 4096;

/** What the program gives, under names that no parameter has. */
const GIVEN = {
  logProbabilities: "score:logProbabilities",
  topIds: "score:topIds",
  topLogProbabilities: "score:topLogProbabilities",
  next: "score:next",
} as const;

export class Scorer {
  readonly #inference: Inference;
  readonly #program: Program;
  readonly #top: number;
  readonly #next: boolean;
  /** How many generations are gated. */
  readonly #gates: number;

  private constructor(inference: Inference, program: Program, gates: number) {
    const { outputs } = program.graph;
    this.#inference = inference;
    this.#program = program;
    this.#top = staticColumns(required(outputs, GIVEN.topIds));
    this.#next = outputs.has(GIVEN.next);
    this.#gates = gates;
  }

  /** @throws UserError for a `top` that is no whole number from 1 */
  static async create(inference: Inference, { top, next = true, gated }: ScorerOptions): Promise<Scorer> {
    if (!(Number.isSafeInteger(top) && top >= 1)) {
      throw new UserError(
        `top is ${top}, expected a whole number from 1: the most likely tokens to give at each place`,
      );
    }
    const name = `scores ${top}${next ? "" : ", no next"}`;
    const program = await inference.program(name, (traced) => scoresOf(traced, top, next), { gated });
    return new Scorer(inference, program, gated?.count ?? 0);
  }

  /**
   * Scores sequences of one token or more. Those of like length go through the model together, padded at the end, where no
   * token looks. The results are in the order of the sequences.
   * @param gates of each sequence, which of the gated generations it has. Default: none
   * @throws UserError for a sequence without a token, or with one that the model does not have
   */
  async score(sequences: readonly Int32Array[], gates: readonly (readonly number[])[] = []): Promise<SequenceScores[]> {
    for (const [index, tokens] of sequences.entries()) {
      if (tokens.length === 0) {
        throw new UserError(
          `sequence ${index} is empty, expected one token at least, which others follow; leave it out`,
        );
      }
      requireKnown(tokens, this.#inference.vocabulary);
    }
    const scores = new Map<number, SequenceScores>();
    for (const batch of batchesOf(sequences, this.#inference.vocabulary)) {
      const scored = await this.#scoreBatch(
        batch.map((index) => sequences[index] ?? new Int32Array()),
        batch.map((index) => gates[index] ?? []),
      );
      batch.forEach((index, row) => {
        const own = scored[row];
        if (own !== undefined) scores.set(index, own);
      });
    }
    return sequences.flatMap((_, index) => scores.get(index) ?? []);
  }

  async #scoreBatch(sequences: readonly Int32Array[], open: readonly (readonly number[])[]): Promise<SequenceScores[]> {
    const gates = this.#gates === 0 ? {} : { [GATES]: gateInput(open, this.#gates) };
    const inputs = { ...this.#inference.inputs(), ...gates, ...scoreInputs(sequences, this.#next) };
    const { values } = await this.#program.run(inputs);
    const [chosen, top] = [floats(values, GIVEN.logProbabilities), floats(values, GIVEN.topLogProbabilities)];
    const next = this.#next ? floats(values, GIVEN.next) : new Float32Array();
    const vocabulary = this.#inference.vocabulary;
    const ids = values[GIVEN.topIds]?.data;
    if (!(ids instanceof Int32Array)) throw new Error("internal: the ids are int32");
    const time = timeOf(sequences, this.#next);
    const count = this.#top;
    return sequences.map((tokens, row) => {
      const [start, end] = [row * time, row * time + tokens.length - 1];
      return {
        logProbabilities: chosen.slice(start, end),
        top: count,
        topIds: ids.slice(start * count, end * count),
        topLogProbabilities: top.slice(start * count, end * count),
        next: next.slice(row * vocabulary, (row + 1) * vocabulary),
      };
    });
  }
}

/**
 * Whether the model finds the token of a place as likely as any: whether it has the log-probability of the best. Both are
 * read from the same numbers, so that equal is equal.
 * @param place from 0, for token 1
 */
export function isGreedy({ logProbabilities, topLogProbabilities, top }: SequenceScores, place: number): boolean {
  return logProbabilities[place] === topLogProbabilities[place * top];
}

/** The outputs that scores are read from: of the logits [B, T, V], what is asked for alone leaves the device. */
function scoresOf({ tokens, logits }: Traced, top: number, next: boolean): Record<string, Tensor> {
  const rows = rowsOf(logits); // [B T, V]
  const all = logSoftmax(rows);
  const targets = input("targets", tokens.shape, "int32");
  const { values, columns } = topK(all, Math.min(top, staticColumns(all)));
  return {
    [GIVEN.logProbabilities]: pick(all, reshape(targets, [elements(targets.shape)])),
    [GIVEN.topLogProbabilities]: values,
    [GIVEN.topIds]: columns,
    ...(next && { [GIVEN.next]: gather(rows, input("last", [at(tokens.shape, 0)], "int32")) }),
  };
}

/** Tokens [B, T] with what follows each, and the row of each sequence's last token among all B T where what follows that is wanted. */
function scoreInputs(sequences: readonly Int32Array[], next: boolean): Readonly<Record<string, HostTensor>> {
  const time = timeOf(sequences, next);
  const shape = [sequences.length, time];
  const tokens = new Int32Array(sequences.length * time);
  const targets = new Int32Array(tokens.length);
  sequences.forEach((sequence, row) => {
    tokens.set(sequence.subarray(0, time), row * time);
    targets.set(sequence.subarray(1), row * time);
  });
  const last = Int32Array.from(sequences, (sequence, row) => row * time + sequence.length - 1);
  return {
    tokens: { dtype: "int32", shape, data: tokens },
    targets: { dtype: "int32", shape, data: targets },
    ...(next && { last: { dtype: "int32", shape: [last.length], data: last } }),
  };
}

/** The tokens T that the model reads of the longest sequence: of the last one only what follows it could be told, but of one alone. */
const timeOf = (sequences: readonly Int32Array[], next: boolean) =>
  Math.max(1, sequences.reduce((most, { length }) => Math.max(most, length), 0) - (next ? 0 : 1));

/** The sequences by their indices, in batches of like length, the longest first. */
function batchesOf(sequences: readonly Int32Array[], vocabulary: number): number[][] {
  const rows = Math.min(TOKENS_AT_ONCE, Math.floor(LOGITS_AT_ONCE / vocabulary));
  const length = (index: number) => sequences[index]?.length ?? 0;
  const order = [...sequences.keys()].sort((a, b) => length(b) - length(a) || a - b);
  const batches: number[][] = [];
  for (const index of order) {
    const batch = batches.at(-1);
    const time = length(batch?.[0] ?? index);
    if (batch !== undefined && (batch.length + 1) * time <= rows) batch.push(index);
    else batches.push([index]);
  }
  return batches;
}

function floats(values: Readonly<Record<string, HostTensor>>, name: string): Float32Array {
  const data = values[name]?.data;
  if (!(data instanceof Float32Array)) throw new Error(`internal: the program has no float32 output ${name}`);
  return data;
}

function staticColumns({ shape }: Tensor): number {
  const size = at(shape, -1);
  if (typeof size !== "number") throw new Error("internal: the vocabulary has a known size");
  return size;
}
