/** One text that is being written for a client. */

import { type SamplingOptions, StopStrings, sampleToken, scoreToken } from "../generation/index.ts";
import type { Random } from "../random.ts";
import { StreamDecoder, type Tokenizer } from "../text/index.ts";
import { type TokenEntry, tokenEntry } from "./log-probabilities.ts";

export interface ChoiceOptions {
  readonly sampling: SamplingOptions;
  /** The tokens before what is written, for the penalties. */
  readonly prompt: Int32Array;
  /** The tokens of the text before what is written: of an empty prompt none, though the model is given one. */
  readonly context: Int32Array;
  readonly random: Random;
  /** Tokens to write, at most; from 1. */
  readonly maxTokens: number;
  readonly stop: readonly string[];
  /** The tokens that end a text. */
  readonly ends: ReadonlySet<number>;
  /** How many alternatives to list for each token. Default: no log-probabilities. */
  readonly alternatives: number | undefined;
  /** Characters before what is written, in the offsets of tokens. */
  readonly offset: number;
}

/** Why a text ended: at a stop string or a token that ends a text, or at its longest. */
export type FinishReason = "stop" | "length";

/** The text that is new since the last piece. */
export interface Piece {
  readonly text: string;
  /** Its tokens with their scores, where these are asked for. */
  readonly entries: readonly TokenEntry[] | null;
  readonly finishReason: FinishReason | null;
}

/** The text of all pieces. */
export const textOf = (pieces: readonly Piece[]): string => pieces.map(({ text }) => text).join("");

/** Why the text of all pieces ended; `null` if it has not. */
export const finishOf = (pieces: readonly Piece[]): FinishReason | null => pieces.at(-1)?.finishReason ?? null;

export class Choice {
  readonly #tokenizer: Tokenizer;
  readonly #options: ChoiceOptions;
  readonly #emit: (piece: Piece) => void;
  readonly #decoder: StreamDecoder;
  readonly #stops: StopStrings;
  #offset: number;
  readonly #written: number[] = [];

  /** @param emit called with each piece, the last of which has a reason */
  constructor(tokenizer: Tokenizer, options: ChoiceOptions, emit: (piece: Piece) => void) {
    this.#tokenizer = tokenizer;
    this.#options = options;
    this.#emit = emit;
    this.#decoder = new StreamDecoder(tokenizer, options.context);
    this.#stops = new StopStrings(options.stop);
    this.#offset = options.offset;
  }

  /** How many tokens were written, with the one that ended the text. */
  get tokens(): number {
    return this.#written.length;
  }

  /** Draws the next token from its logits, and gives it, or nothing where the text ends with it. */
  next(logits: Float32Array): number | undefined {
    const { ends, maxTokens } = this.#options;
    const id = this.#sample(logits);
    this.#written.push(id);
    const entries = this.#entries(logits, id);
    const ended = ends.has(id);
    const piece = ended ? "" : this.#decoder.push(id);
    this.#offset += [...piece].length;
    let text = this.#stops.push(piece);
    const finishReason = ended || this.#stops.stopped ? "stop" : this.tokens >= maxTokens ? "length" : null;
    if (finishReason !== null && !this.#stops.stopped)
      text += this.#stops.push(this.#decoder.end()) + this.#stops.end();
    if (text !== "" || entries !== null || finishReason !== null) this.#emit({ text, entries, finishReason });
    return finishReason === null ? id : undefined;
  }

  #sample(logits: Float32Array): number {
    const { sampling, random, prompt } = this.#options;
    const written = this.#written;
    const known = logits.subarray(0, this.#tokenizer.vocabularySize);
    return sampleToken(known, sampling, random, { before: concatenated(prompt, written), written });
  }

  #entries(logits: Float32Array, id: number): TokenEntry[] | null {
    const { alternatives } = this.#options;
    if (alternatives === undefined) return null;
    const score = scoreToken(logits, id, alternatives);
    return [tokenEntry(this.#decoder, { id, offset: this.#offset, score })];
  }
}

/** The text is looked through only where something asks for it. */
function* concatenated(prompt: Int32Array, written: readonly number[]): Generator<number> {
  yield* prompt;
  yield* written;
}
