/** The tokens that mark where a text begins and ends. */

import { z } from "zod";
import type { Tokenizer } from "./tokenizer.ts";

export interface SpecialToken {
  readonly id: number;
  readonly content: string;
}

/** What they are called in published vocabularies. A tokenizer.json does not say which of its special tokens does what. */
const ENDS = ["<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "[EOS]"];
const BEGINS = ["<|begin_of_text|>", "<|startoftext|>", "<s>", "<bos>", "[BOS]"];

const tokenizerJson = z.looseObject({
  added_tokens: z.array(z.looseObject({ id: z.int(), content: z.string(), special: z.boolean().optional() })),
});

/** The token that ends a text: that of the tokenizer's settings, else one of a known name; absent where there is none. */
export function endOfText(tokenizer: Tokenizer): SpecialToken | undefined {
  return specialToken(tokenizer, [tokenizer.settings?.endOfText ?? [], ENDS].flat());
}

/**
 * The token that stands before the first of a text, so that this can be predicted too: one that marks the beginning, else
 * the end of the text before, else a line break. Absent where the vocabulary has none of them.
 */
export function beginningOfText(tokenizer: Tokenizer): SpecialToken | undefined {
  const begins = [tokenizer.settings?.beginningOfText ?? [], BEGINS].flat();
  return specialToken(tokenizer, begins) ?? endOfText(tokenizer) ?? lineBreak(tokenizer);
}

/** The tokens that stand for no text of their own, such as those that end texts and turns of conversations. */
export function specialTokens(tokenizer: Tokenizer): SpecialToken[] {
  const parsed = tokenizerJson.safeParse(tokenizer.toJSON());
  return parsed.success ? parsed.data.added_tokens.filter((token) => token.special !== false) : [];
}

function specialToken(tokenizer: Tokenizer, names: readonly string[]): SpecialToken | undefined {
  const special = specialTokens(tokenizer);
  return names.flatMap((name) => special.find(({ content }) => content === name) ?? []).at(0);
}

function lineBreak(tokenizer: Tokenizer): SpecialToken | undefined {
  try {
    const [id, ...others] = tokenizer.encode("\n");
    return id === undefined || others.length > 0 ? undefined : { id, content: "\n" };
  } catch {
    return undefined; // a vocabulary without it
  }
}
