/** How data is named: by one name, or by several. */

import { z } from "zod";

export const dataFilesSchema = z.strictObject({
  /** What to train on, in this order. */
  train: z.array(z.string()).min(1).readonly(),
  /** What to hold out. Default: what the first say themselves, else the last tenth of them. */
  validation: z.array(z.string()).min(1).readonly().optional(),
});

/**
 * Texts or token files by their names. Each is a text file, a token file `.bin`, an embedded text, or a folder: of texts
 * `.txt`, in the order of their names, or of token files `train.bin` and `val.bin`.
 */
export interface DataFiles {
  /** What to train on, in this order; a line break is put between texts. */
  readonly train: readonly string[];
  /** What to hold out. Default: what the first hold out themselves, else the last tenth of them. */
  readonly validation?: readonly string[] | undefined;
}

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
