import { StreamDecoder } from "../text/stream-decoder.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

const NUMBER = "token_id:";

/** What a token adds to the text before; where that is no text by itself, such as a part of a character, its number. */
export function labelOf(decoder: StreamDecoder, id: number): string {
  const text = decoder.peek(id);
  return text === "" || text.includes("\uFFFD") ? `${NUMBER}${id}` : text;
}

/** Whether a label is the number of a token that is no text by itself. */
export const isNumberLabel = (label: string): boolean => label.startsWith(NUMBER);

/** What each token of a text adds to the text of those before it. */
export function labelsOf(tokenizer: Tokenizer, ids: ArrayLike<number>): string[] {
  const decoder = new StreamDecoder(tokenizer);
  return Array.from(ids, (id) => {
    const label = labelOf(decoder, id);
    decoder.push(id);
    return label;
  });
}
