import { sha256 } from "../sha256.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** A hash of all that a tokenizer is, in hexadecimal: token files and skills have it, so that no other tokenizer is used with them. */
export function hashTokenizer(tokenizer: Tokenizer): Promise<string> {
  return sha256(new TextEncoder().encode(JSON.stringify(tokenizer.toJSON())));
}
