import { CharacterTokenizer } from "./character-tokenizer.ts";
import { JsonTokenizer } from "./json-tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * The tokenizer that the parsed contents of a tokenizer.json describe.
 *
 * @param where the file or place the contents came from, for messages.
 * @throws UserError where they describe none.
 */
export function loadTokenizer(json: unknown, where: string): Tokenizer {
  return CharacterTokenizer.fromJSON(json) ?? new JsonTokenizer(json, where);
}
