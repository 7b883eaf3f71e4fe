/** How data is read, as options. */

import { Option } from "commander";
import type { DataReading } from "../data/portable.ts";

export interface ReadingOptions {
  readonly textKey?: string;
  readonly specialTokens?: readonly string[];
}

export const textKeyOption = () =>
  new Option("--text-key <key>", "of files with a JSON object a line: the key of the text (default: text)");

export const specialTokensOption = () =>
  new Option(
    "--special-tokens <tokens...>",
    "for a tokenizer that is made of the data: tokens that no text has; the first, such as <|endoftext|>, ends texts",
  );

/** What of the options says how data is read. */
export function readingOf({ textKey, specialTokens }: ReadingOptions): DataReading {
  return { ...(textKey !== undefined && { textKey }), ...(specialTokens !== undefined && { specialTokens }) };
}
