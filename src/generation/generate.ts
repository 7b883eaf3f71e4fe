/** Writing text that goes on from a prompt. */

import { UserError } from "../errors.ts";
import { Random } from "../random.ts";
import { beginningOfText, endOfText, StreamDecoder, type Tokenizer } from "../text/portable.ts";
import { type SamplingOptions, sampleToken } from "./sample.ts";
import { scoreToken, type TokenScore } from "./scores.ts";
import type { Sequences } from "./sequences.ts";
import { StopStrings } from "./stop-strings.ts";

/** What to do when a sequence has all the tokens of the context. */
export const contextModes = ["slide", "stop"] as const;

export interface GenerateOptions extends SamplingOptions {
  /** What the text begins with. Empty: what stands before any text, see `beginningOfText`, or the first token of the vocabulary. */
  readonly prompt: string;
  /** Tokens to write, at most. */
  readonly tokens: number;
  /** The seed of draws. Default 1. */
  readonly seed?: number | undefined;
  /** The text ends before the first of these strings. Default: none. */
  readonly stop?: readonly string[] | undefined;
  /** The tokens that end the text. Default: that which the tokenizer has for it, see `endOfText`. */
  readonly ends?: ReadonlySet<number> | undefined;
  /**
   * When the context is full: `slide` goes on from the last tokens alone (see `Sequences.kept`), and takes the end of a prompt
   * that is too long; `stop` ends the text, and refuses such a prompt. Default `slide`.
   */
  readonly atContext?: (typeof contextModes)[number] | undefined;
  /** Scores each token, with this many of the most likely ones in its place. Default: no scores. */
  readonly scores?: number | undefined;
  /** Ends the text early: the signal's reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** Why a text ended: it has the tokens that were asked for, a stop string or a token that ends it came, or the context is full. */
export type Finish = "length" | "stop" | "context";

/** A step of writing: a token and the text that became complete with it, or at last the rest of the text and why it ends. */
export interface Written {
  /** Whole characters; empty while one is unfinished, or while a stop string may be coming. */
  readonly text: string;
  /** One that ends the text stands for none of it. */
  readonly token?: number;
  /** Scores of the token, if they were asked for: by the model's own probabilities, before any sampling option. */
  readonly score?: TokenScore;
  readonly finish?: Finish;
}

/**
 * Streams the text that follows the prompt, in pieces of whole characters. Ids beyond the tokenizer's vocabulary, to which
 * that of a model may be padded, are not drawn.
 * @param sequences a `Decoder`, or `windowed` for a model without a cache
 * @throws UserError for options out of range, and for a prompt that the tokenizer cannot encode
 */
export async function* generate(
  sequences: Sequences,
  tokenizer: Tokenizer,
  options: GenerateOptions,
): AsyncGenerator<string> {
  for await (const { text } of write(sequences, tokenizer, options)) if (text !== "") yield text;
}

/**
 * As `generate`, token by token with scores, and why the text ended. Several at once on one `Decoder` go through the model
 * together.
 */
export async function* write(
  sequences: Sequences,
  tokenizer: Tokenizer,
  options: GenerateOptions,
): AsyncGenerator<Written> {
  checkOptions(options);
  const end = endOfText(tokenizer);
  const ends = options.ends ?? new Set(end === undefined ? [] : [end.id]);
  const random = Random.from("sample", options.seed ?? 1);
  const stops = new StopStrings(options.stop ?? []);
  const ids = startOf(tokenizer, options.prompt);
  const decoder = new StreamDecoder(tokenizer, options.prompt === "" ? [] : ids);
  const written: number[] = [];
  const logits = new NextLogitsOf(sequences, ids, options);
  let finish: Finish = "length";
  try {
    for (let count = 0; count < options.tokens && finish === "length"; count++) {
      const all = await logits.next();
      if (all === undefined) {
        finish = "context";
        break;
      }
      const known = all.subarray(0, tokenizer.vocabularySize);
      const token = sampleToken(known, options, random, { before: ids, written });
      ids.push(token);
      written.push(token);
      const ended = ends.has(token);
      const text = ended ? "" : stops.push(decoder.push(token));
      if (ended || stops.stopped) finish = "stop";
      yield { text, token, ...(options.scores !== undefined && { score: scoreToken(all, token, options.scores) }) };
    }
  } finally {
    logits.free();
  }
  const text = stops.push(decoder.end()) + stops.end();
  yield { text, finish: stops.stopped ? "stop" : finish };
}

/** The logits that follow a growing list of ids. */
class NextLogitsOf {
  readonly #sequences: Sequences;
  readonly #ids: readonly number[];
  readonly #options: GenerateOptions;
  #slot: number | undefined;
  /** Tokens in the slot. */
  #length = 0;

  constructor(sequences: Sequences, ids: readonly number[], options: GenerateOptions) {
    this.#sequences = sequences;
    this.#ids = ids;
    this.#options = options;
  }

  /** The logits that follow the ids as they are now, one more than before. `undefined` if the context is full. */
  async next(): Promise<Float32Array | undefined> {
    const { context, kept } = this.#sequences;
    const { signal, atContext = "slide" } = this.#options;
    signal?.throwIfAborted();
    if (this.#slot === undefined) return this.#start(atContext === "slide" ? context : this.#ids.length);
    if (this.#length < context) return this.#step(this.#slot);
    if (atContext === "stop") return;
    this.free();
    return this.#start(kept);
  }

  free(): void {
    if (this.#slot !== undefined) this.#sequences.free(this.#slot);
    this.#slot = undefined;
  }

  async #start(last: number): Promise<Float32Array> {
    const ids = this.#ids.slice(-last);
    const { slot, logits } = await this.#sequences.start(ids, { signal: this.#options.signal });
    this.#slot = slot;
    this.#length = ids.length;
    return logits;
  }

  async #step(slot: number): Promise<Float32Array> {
    const logits = (await this.#sequences.step(new Map([[slot, this.#ids.at(-1) ?? 0]]))).get(slot);
    if (logits === undefined) throw new Error(`internal: no logits of slot ${slot}`);
    this.#length++;
    return logits;
  }
}

/** The ids of the prompt. Without one the model needs some token to begin with. */
function startOf(tokenizer: Tokenizer, prompt: string): number[] {
  const ids = tokenizer.encode(prompt);
  return ids.length > 0 ? [...ids] : [beginningOfText(tokenizer)?.id ?? 0];
}

function checkOptions(options: GenerateOptions): void {
  const {
    temperature = 1,
    topK = 1,
    topP = 1,
    minP = 0,
    repetitionPenalty = 1,
    frequencyPenalty = 0,
    presencePenalty = 0,
    tokens,
    stop = [],
    scores = 0,
  } = options;
  const check = (valid: boolean, name: string, value: number, expected: string) => {
    if (!valid) throw new UserError(`${name} is ${value}, expected ${expected}`);
  };
  check(Number.isFinite(temperature) && temperature >= 0, "temperature", temperature, "a number from 0");
  check(Number.isInteger(topK) && topK >= 1, "top-k", topK, "a whole number from 1");
  check(topP > 0 && topP <= 1, "top-p", topP, "a number above 0 and up to 1");
  check(minP >= 0 && minP <= 1, "min-p", minP, "a number from 0 to 1");
  const penalty = "repetition-penalty";
  check(Number.isFinite(repetitionPenalty) && repetitionPenalty > 0, penalty, repetitionPenalty, "a number above 0");
  check(Number.isFinite(frequencyPenalty), "frequency-penalty", frequencyPenalty, "a number");
  check(Number.isFinite(presencePenalty), "presence-penalty", presencePenalty, "a number");
  check(Number.isInteger(tokens) && tokens >= 0, "tokens", tokens, "a whole number from 0");
  check(Number.isInteger(scores) && scores >= 0, "scores", scores, "a whole number from 0");
  if (!Array.isArray(stop)) {
    const given = JSON.stringify(stop);
    throw new UserError(`stop is ${given}, expected a list of strings, such as [${given}]`);
  }
  if (stop.includes("")) throw new UserError("a stop string is empty, expected some text at which to stop");
}
