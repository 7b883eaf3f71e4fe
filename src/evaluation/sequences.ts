/** From texts to the token sequences that are scored, divided as lm-evaluation-harness divides them. */

import { UserError } from "../errors.ts";
import { beginningOfText, type Tokenizer } from "../text/index.ts";
import type { Pair } from "./layouts.ts";
import { stripEnd } from "./python-text.ts";

/** Tokens of which the last `scored` are scored, each given all before it. */
export interface ScoredSequence {
  readonly tokens: Int32Array;
  readonly scored: number;
}

/**
 * The tokens of a text after another. White space at the end of the context goes to the continuation, as most vocabularies
 * begin a word with it; then both are encoded as one, and what is beyond the tokens of the context alone is scored. An empty
 * context is a token that begins a text. What is longer than `longest` loses its first tokens.
 * @throws UserError for a continuation without a token before it within `longest`
 */
export function sequenceOf(tokenizer: Tokenizer, pair: Pair, longest: number): ScoredSequence {
  const [context, continuation] = divided(tokenizer, pair);
  const all = Int32Array.from([...context, ...continuation]);
  const tokens = all.slice(Math.max(0, all.length - longest));
  if (continuation.length >= tokens.length) {
    throw new UserError(
      `what is to be scored has ${continuation.length} tokens, expected at most ${longest - 1}; leave the line out, or take a model with a longer context`,
    );
  }
  return { tokens, scored: continuation.length };
}

function divided(tokenizer: Tokenizer, { context, continuation }: Pair): readonly [Iterable<number>, Uint32Array] {
  const whole = tokenizer.encode(context + continuation);
  const stripped = stripEnd(context);
  if (stripped !== "") {
    const tokens = tokenizer.encode(stripped);
    return [tokens, whole.slice(tokens.length)];
  }
  const begin = firstToken(tokenizer);
  return [[begin], whole[0] === begin ? whole.slice(1) : whole];
}

/**
 * A text in windows in which each of its tokens is scored once: the first window begins with a token that begins a text, and
 * each other one with the last token of the window before; the last one reaches further back, to be as long as the others.
 */
export function windowsOf(tokenizer: Tokenizer, text: string, longest: number): ScoredSequence[] {
  const tokens = tokenizer.encode(text);
  if (tokens.length === 0) return [];
  const all = Int32Array.from([firstToken(tokenizer), ...tokens]);
  const step = longest - 1;
  const windows: ScoredSequence[] = [];
  for (let done = 0; done < tokens.length; done += step) {
    const scored = Math.min(step, tokens.length - done);
    const end = done + scored + 1;
    windows.push({ tokens: all.slice(Math.max(0, end - longest), end), scored });
  }
  return windows;
}

function firstToken(tokenizer: Tokenizer): number {
  const token = beginningOfText(tokenizer);
  if (token !== undefined) return token.id;
  throw new UserError(
    "the tokenizer has neither a token that begins or ends a text nor a line break, one of which must stand before a text without context; give a context",
  );
}
