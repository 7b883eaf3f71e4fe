/** Writing text, token by token, as the lecture does: the whole window goes through the model for each new token. */

import { UserError } from "../errors.ts";
import { Random } from "../random.ts";
import { StreamDecoder, type Tokenizer } from "../text/index.ts";
import { type SamplingOptions, sampleToken } from "./sample.ts";
import type { NextLogits } from "./sequences.ts";

export interface GenerateOptions extends SamplingOptions {
  /** What the text begins with. Empty: a line break, or the first token of the vocabulary. */
  readonly prompt: string;
  /** Tokens to write. */
  readonly tokens: number;
  /** Default 1. */
  readonly seed?: number;
}

/**
 * Streams the text that follows the prompt, in pieces of whole characters. Ids beyond the tokenizer's vocabulary, to which
 * that of a model may be padded, are not drawn.
 * @param context the longest window of the model; beyond it the oldest tokens are left out
 * @throws UserError for options out of range, and for a prompt that the tokenizer cannot encode
 */
export async function* generate(
  next: NextLogits,
  tokenizer: Tokenizer,
  context: number,
  options: GenerateOptions,
): AsyncGenerator<string> {
  checkOptions(options);
  const random = Random.from("sample", options.seed ?? 1);
  const ids = startOf(tokenizer, options.prompt);
  const decoder = new StreamDecoder(tokenizer);
  for (let count = 0; count < options.tokens; count++) {
    const logits = await next(Int32Array.from(ids.slice(-context)));
    const id = sampleToken(logits.subarray(0, tokenizer.vocabularySize), options, random);
    ids.push(id);
    const text = decoder.push(id);
    if (text !== "") yield text;
  }
  const rest = decoder.end();
  if (rest !== "") yield rest;
}

/** The ids of the prompt. Without one the model needs some token to begin with: a line break where there is one. */
function startOf(tokenizer: Tokenizer, prompt: string): number[] {
  const ids = prompt === "" ? lineBreak(tokenizer) : tokenizer.encode(prompt);
  return ids.length > 0 ? [...ids] : [0];
}

function lineBreak(tokenizer: Tokenizer): Iterable<number> & ArrayLike<number> {
  try {
    return tokenizer.encode("\n");
  } catch {
    return []; // a vocabulary without it
  }
}

function checkOptions({ temperature = 1, topK = 1, topP = 1, tokens }: GenerateOptions): void {
  const check = (valid: boolean, name: string, value: number, expected: string) => {
    if (!valid) throw new UserError(`${name} is ${value}, expected ${expected}`);
  };
  check(Number.isFinite(temperature) && temperature >= 0, "temperature", temperature, "a number from 0");
  check(Number.isInteger(topK) && topK >= 1, "top-k", topK, "a whole number from 1");
  check(topP > 0 && topP <= 1, "top-p", topP, "a number above 0 and up to 1");
  check(Number.isInteger(tokens) && tokens >= 0, "tokens", tokens, "a whole number from 0");
}
