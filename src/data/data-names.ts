/** How data is named: by one name, or by several. */

import { z } from "zod";
import { lossParts } from "./loss-parts.ts";

/** The choice of a tokenizer for ids whose texts nobody knows. */
export const IDS = "ids";

/** How data is read. */
const readingSchema = z.strictObject({
  /** The key of a text in a line of JSON. Default: `text`. */
  textKey: z.string().min(1).optional(),
  /** Tokens that no text has, for a tokenizer that is made of the data; the first ends texts. Default: none. */
  specialTokens: z.array(z.string().min(1)).readonly().optional(),
  /** Whether a tokenizer that is there takes in the characters that it lacks, if it is one of characters, and the special tokens. Default false. */
  extendVocabulary: z.boolean().optional(),
  /** What is learned of prompts and conversations: the completions and the assistant's turns, or all. Default: completion. */
  lossOn: z.enum(lossParts).optional(),
  /** Whether tokens of prompts and conversations attend to those of their own record alone. Default false. */
  separateDocuments: z.boolean().optional(),
});

export const dataFilesSchema = readingSchema.extend({
  /** What to train on, in this order. */
  train: z.array(z.string()).min(1).readonly(),
  /** What to hold out. Default: what the first say themselves, else the last tenth of them. */
  validation: z.array(z.string()).min(1).readonly().optional(),
});

/** How data is read, beside its names. */
export type DataReading = Readonly<z.infer<typeof readingSchema>>;

/**
 * Texts or token files by their names. Each is a text file, one of a JSON object a line (`.jsonl`), either perhaps compressed (`.gz`),
 * one of the same objects in Parquet (`.parquet`), a token file `.bin`, an embedded text, or a folder: of texts with those in the folders within, in the order of their paths, or of token
 * files `train.bin` and `val.bin`.
 */
export interface DataFiles extends DataReading {
  /** What to train on, in this order; between texts is the token that ends a text, or a line break. */
  readonly train: readonly string[];
  /** What to hold out. Default: what the first hold out themselves, else the last tenth of them. */
  readonly validation?: readonly string[] | undefined;
}

const contentPartSchema = z.strictObject({ tokens: z.int().nonnegative(), hash: z.string() });

/** The numbers of tokens to train on and held out, and a hash of each. */
export const dataContentSchema = z.strictObject({ train: contentPartSchema, validation: contentPartSchema });

export type DataContent = z.infer<typeof dataContentSchema>;

/** Data by one name, or by several. */
export type DataSource = string | DataFiles;

export function dataFilesOf(source: DataSource): DataFiles {
  return typeof source === "string" ? { train: [source] } : source;
}

/** What to call data: "a.txt, b.txt (held out: c.txt)". */
export function nameOfData(source: DataSource): string {
  const { train, validation } = dataFilesOf(source);
  return validation === undefined ? listed(train) : `${listed(train)} (held out: ${listed(validation)})`;
}

function listed(names: readonly string[]): string {
  return names.length <= 4 ? names.join(", ") : `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`;
}
