import { createHash } from "node:crypto";
import { readJson } from "../formats/json/json.ts";
import { loadTokenizer, type Tokenizer } from "./tokenizer.ts";

/**
 * Reads a tokenizer.json.
 *
 * @throws UserError where the file cannot be read or describes no tokenizer.
 */
export async function readTokenizer(file: string): Promise<Tokenizer> {
  return loadTokenizer(await readJson(file), file);
}

/** A hash of all that a tokenizer is, in hexadecimal: token files carry it, so that no other tokenizer reads them. */
export function hashTokenizer(tokenizer: Tokenizer): string {
  return createHash("sha256").update(JSON.stringify(tokenizer.toJSON())).digest("hex");
}
