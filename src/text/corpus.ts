import { UserError } from "../errors.ts";
import { type Batch, hasDocuments, requireTokens } from "./batches.ts";
import { sliceDocuments } from "./documents.ts";
import { utf8Length } from "./token-length.ts";
import { sliceTokens, type TokenSource } from "./token-source.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Tokens to train on and tokens held out. */
export interface Split {
  readonly train: TokenSource;
  readonly validation: TokenSource;
}

/** A text for training, as tokens. */
export interface Corpus extends Split {
  /** What to call it: a book or a file. */
  readonly name: string;
  readonly tokenizer: Tokenizer;
}

/** A corpus from tokens yet to be split, or from a split made elsewhere, such as nanoGPT's `train.bin` and `val.bin`. */
export function createCorpus(name: string, tokenizer: Tokenizer, tokens: TokenSource | Split): Corpus {
  const { train, validation } = "train" in tokens ? tokens : splitCorpus(tokens);
  return { name, tokenizer, train, validation };
}

/** Frees what a corpus holds, such as files; closing twice is harmless. */
export function closeCorpus({ train, validation }: Corpus): void {
  train.close();
  validation.close();
}

/**
 * Splits tokens into the first for training and the last for validation: n = floor(fraction × length), as the lecture; documents
 * stay whole.
 *
 * @param fraction the share for training, 0.9 by default.
 */
export function splitCorpus(tokens: TokenSource, fraction = 0.9): Split {
  if (hasDocuments(tokens)) {
    const count = tokens.documents.starts.length;
    const whole = Math.floor(fraction * count);
    return { train: sliceDocuments(tokens, 0, whole), validation: sliceDocuments(tokens, whole, count) };
  }
  const boundary = Math.floor(fraction * tokens.length);
  return { train: sliceTokens(tokens, 0, boundary), validation: sliceTokens(tokens, boundary, tokens.length) };
}

/**
 * Checks that both splits hold at least one window of `context` tokens and the token after it.
 *
 * @throws UserError where one does not.
 */
export function checkCorpus(corpus: Corpus, context: number): void {
  requireTokens(corpus.train, context, `${corpus.name}: the training part`);
  requireTokens(corpus.validation, context, `${corpus.name}: the validation part`);
}

/** Tokens decoded at once, and how many before them are decoded again, of which their first characters may be parts. */
const PIECE = 2 ** 16;
const BEFORE = 4;

/**
 * The length in UTF-8 bytes of the text of tokens `from` to `from + count - 1`: that of the whole file where its header tells it,
 * otherwise from decoding, and then exact but for a character that is cut in two.
 */
export function measureBytes(tokenizer: Tokenizer, tokens: TokenSource, from: number, count: number): number {
  const end = from + count;
  if (tokens.bytesPerToken !== undefined && end === tokens.length && from <= BEFORE) {
    return Math.round(tokens.bytesPerToken * tokens.length) - decodedBytes(tokenizer, tokens, 0, from);
  }
  let bytes = 0;
  for (let start = from; start < end; start += PIECE) {
    const before = Math.max(0, start - BEFORE);
    const to = Math.min(start + PIECE, end);
    bytes += decodedBytes(tokenizer, tokens, before, to) - decodedBytes(tokenizer, tokens, before, start);
  }
  return bytes;
}

/** The length in UTF-8 bytes of what is learned of documents. */
export function learnedBytes(tokenizer: Tokenizer, batches: Iterable<Batch>): number {
  let bytes = 0;
  for (const { targets, weights } of batches) {
    bytes += utf8Length(tokenizer.decode(targets.filter((_, place) => weights?.[place] === 1)));
  }
  return bytes;
}

function decodedBytes(tokenizer: Tokenizer, tokens: TokenSource, from: number, to: number): number {
  return utf8Length(tokenizer.decode(tokens.read(from, to - from)));
}

/** The longest string of V8, in UTF-16 units; UTF-8 has at least as many bytes. */
export const LONGEST_TEXT = 2 ** 29 - 24;

/**
 * Pieces as one text.
 *
 * @param name what to call it, in a message.
 * @throws UserError where it is longer than a string can be.
 */
export function joinTexts(name: string, pieces: readonly string[]): string {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (length > LONGEST_TEXT) {
    throw new UserError(
      `${name}: the texts have ${length} characters together, expected at most ${LONGEST_TEXT}; make token files of them with: tokenformer tokenize`,
    );
  }
  return pieces.join("");
}
