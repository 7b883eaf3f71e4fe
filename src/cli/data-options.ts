/** How data is read, as options. */

import { Option } from "commander";
import { type DataReading, type DataSource, dataFilesOf, type LossPart, lossParts } from "../data/portable.ts";

export interface ReadingOptions {
  readonly textKey?: string;
  readonly specialTokens?: readonly string[];
  readonly extendVocabulary?: boolean;
  readonly lossOn?: LossPart;
  readonly separateDocuments?: boolean;
}

export const textKeyOption = () =>
  new Option("--text-key <key>", "of files with a JSON object a line: the key of the text (default: text)");

export const specialTokensOption = () =>
  new Option(
    "--special-tokens <tokens...>",
    "for a tokenizer that is made of the data: tokens that no text has; the first, such as <|endoftext|>, ends texts",
  );

export const extendOption = () =>
  new Option(
    "--extend-vocabulary",
    "with --from: take the --special-tokens into the tokenizer, and new characters into one of characters, with new rows of the model's table",
  );

export const lossOnOption = () =>
  new Option(
    "--loss-on <part>",
    "of prompts and conversations: learn the completions and the assistant's turns, or all (default: completion)",
  ).choices(lossParts);

export const separateOption = () =>
  new Option("--separate-documents", "let tokens of prompts and conversations attend to those of their own alone");

/** Data by its names, and how it is read. */
export interface DataOptions extends ReadingOptions {
  readonly data?: readonly string[];
  readonly validation?: readonly string[];
}

/**
 * The data of a run that goes on: what is named, else that of before, in either case read as before but for what the options say. With
 * other data, what was held out of that before is not held out any more.
 */
export function dataGoingOn(before: DataSource, { data, validation, ...options }: DataOptions): DataSource {
  const { train, validation: heldOut, ...reading } = dataFilesOf(before);
  const held = validation ?? (data === undefined ? heldOut : undefined);
  return { ...reading, ...readingOf(options), train: data ?? train, ...(held !== undefined && { validation: held }) };
}

/** What of the options says how data is read. */
export function readingOf({
  textKey,
  specialTokens,
  extendVocabulary,
  lossOn,
  separateDocuments,
}: ReadingOptions): DataReading {
  return {
    ...(textKey !== undefined && { textKey }),
    ...(specialTokens !== undefined && { specialTokens }),
    ...(extendVocabulary !== undefined && { extendVocabulary }),
    ...(lossOn !== undefined && { lossOn }),
    ...(separateDocuments !== undefined && { separateDocuments }),
  };
}
