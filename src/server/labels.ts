import type { Tokenizer } from "../text/tokenizer.ts";

/** The text of a token; of one that is no text by itself, such as a part of a character, its number. */
export function labelOf(tokenizer: Tokenizer, id: number): string {
  const text = tokenizer.decode([id]);
  return text === "" || text.includes("\uFFFD") ? `token_id:${id}` : text;
}
