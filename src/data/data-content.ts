/** What tells the contents of data from others under the same name. */

import { createHash } from "node:crypto";
import type { Corpus, TokenSource } from "../text/index.ts";
import type { DataContent } from "./data-names.ts";

/** Numbers that are looked at, in so many pieces, where there are more: files may be larger than what a start may take. */
const [LOOKED_AT, PIECES] = [2 ** 22, 64];

/**
 * The numbers of a corpus's tokens, and hashes of them (SHA-256, in hexadecimal). Of more than 4,194,304 tokens, 64 pieces of 65,536
 * are hashed, evenly from the first to the last, so that a file of any size takes some milliseconds: what differs between the
 * pieces, and leaves the number of tokens as it is, is not noticed. Of documents, where they begin and what is learned of them counts too.
 * @throws UserError where a file cannot be read, or a token that is looked at is beyond the vocabulary
 */
export function contentOf({ train, validation }: Pick<Corpus, "train" | "validation">): DataContent {
  return { train: partOf(train), validation: partOf(validation) };
}

function partOf(source: TokenSource): DataContent["train"] {
  const hash = createHash("sha256");
  for (const [start, length] of piecesOf(source.length)) hash.update(source.read(start, length));
  if (source.documents !== undefined) hash.update(source.documents.learned).update(source.documents.starts);
  return { tokens: source.length, hash: hash.digest("hex") };
}

/** The ranges of so many numbers that are read: all, or pieces from the beginning to the end. */
export function piecesOf(length: number): (readonly [start: number, length: number])[] {
  if (length <= LOOKED_AT) return [[0, length]];
  const each = LOOKED_AT / PIECES;
  return Array.from({ length: PIECES }, (_, piece) => [Math.floor((piece * (length - each)) / (PIECES - 1)), each]);
}

/** How contents differ from what they were, in words; nothing where they do not. */
export function contentChange(before: DataContent, now: DataContent): string | undefined {
  if (before.train.tokens !== now.train.tokens || before.validation.tokens !== now.validation.tokens) {
    return `has ${now.train.tokens} tokens to train on and ${now.validation.tokens} held out, and had ${before.train.tokens} and ${before.validation.tokens}`;
  }
  if (before.train.hash !== now.train.hash) return "has other tokens than before";
  return before.validation.hash === now.validation.hash ? undefined : "holds out other tokens than before";
}
