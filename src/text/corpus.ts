import { UserError } from "../errors.ts";
import { requireTokens } from "./batches.ts";
import { sliceTokens, type TokenSource } from "./token-source.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Tokens to train on and tokens held out. */
export interface Split {
  readonly train: TokenSource;
  readonly validation: TokenSource;
}

/** A text for training, as tokens, and all that is needed to report on it. */
export interface Corpus extends Split {
  /** What to call it: a book or a file. */
  readonly name: string;
  readonly tokenizer: Tokenizer;
  /** The mean length of a validation token in UTF-8 bytes: bits per byte = loss in nats / ln 2 / this. */
  readonly validationBytesPerToken: number;
}

/**
 * A corpus from tokens yet to be split, or from a split made elsewhere, such as nanoGPT's `train.bin` and `val.bin`.
 *
 * The bytes of a validation token come from its source where that knows them, otherwise from decoding (see
 * `measureBytesPerToken`).
 */
export function createCorpus(name: string, tokenizer: Tokenizer, tokens: TokenSource | Split): Corpus {
  const { train, validation } = "train" in tokens ? tokens : splitCorpus(tokens);
  const validationBytesPerToken = validation.bytesPerToken ?? measureBytesPerToken(tokenizer, validation);
  return { name, tokenizer, train, validation, validationBytesPerToken };
}

/** Frees what a corpus holds, such as files; closing twice is harmless. */
export function closeCorpus({ train, validation }: Corpus): void {
  train.close();
  validation.close();
}

/**
 * Splits tokens into the first for training and the last for validation: n = floor(fraction × length), as the lecture.
 *
 * @param fraction the share for training, 0.9 by default.
 */
export function splitCorpus(tokens: TokenSource, fraction = 0.9): Split {
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

/** The number of places at which a long sequence is sampled, and the tokens read at each. */
const SAMPLES = 16;
const SAMPLE_LENGTH = 2 ** 16;

/**
 * The mean length of a token's text in UTF-8 bytes: exact up to a million tokens, but for a character cut in two at an
 * end; of longer sequences, the mean of 16 samples of 65,536 tokens spread evenly. 0 for no tokens.
 */
export function measureBytesPerToken(tokenizer: Tokenizer, tokens: TokenSource): number {
  const everything = tokens.length <= SAMPLES * SAMPLE_LENGTH;
  const samples = everything ? 1 : SAMPLES;
  const length = everything ? tokens.length : SAMPLE_LENGTH;
  let bytes = 0;
  for (let sample = 0; sample < samples; sample++) {
    const start = samples === 1 ? 0 : Math.floor((sample * (tokens.length - length)) / (samples - 1));
    bytes += new TextEncoder().encode(tokenizer.decode(tokens.read(start, length))).length;
  }
  return tokens.length === 0 ? 0 : bytes / (samples * length);
}

/** The longest string of V8, in UTF-16 units; UTF-8 has at least as many bytes. */
export const LONGEST_TEXT = 2 ** 29 - 24;

/**
 * Texts as one, with a line break between them.
 *
 * @param name what to call them, in a message.
 * @throws UserError where they are longer together than a string can be.
 */
export function joinTexts(name: string, texts: readonly string[]): string {
  const length = texts.reduce((sum, text) => sum + text.length + 1, 0);
  if (length > LONGEST_TEXT) {
    throw new UserError(
      `${name}: the texts have ${length} characters together, expected at most ${LONGEST_TEXT}; make token files of them with: tokenformer tokenize`,
    );
  }
  return texts.join("\n");
}
