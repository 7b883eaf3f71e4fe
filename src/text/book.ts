/** The text that comes with the package. */

import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";

/** A text with its name. */
export interface Book {
  readonly name: string;
  readonly text: string;
  /** What is meant for validation, apart from the text. Default: nothing, so that the end of the text is. */
  readonly heldOut?: string;
}

/**
 * Moby-Dick, the text to train on where the user gives none: 1.2 million characters that come with the package, so that it
 * needs no network.
 *
 * Chapters in order, each under its heading ("CHAPTER 1. Loomings."), each paragraph on one line, blank lines between
 * paragraphs. The table of contents is left out: it is a list, not prose.
 */
export async function embeddedBook(): Promise<Book> {
  // Made by `npm run generate:book`.
  const bytes = await readFile(new URL("../../texts/moby-dick.txt.br", import.meta.url));
  return { name: "Moby-Dick", text: (await promisify(brotliDecompress)(bytes)).toString() };
}
