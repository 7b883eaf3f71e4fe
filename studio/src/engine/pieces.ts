/** What texts are cut into. */

import {
  CharacterTokenizer,
  type Corpus,
  createCorpus,
  JsonTokenizer,
  memoryTokens,
  type Tokenizer,
  trainBytePairEncoding,
} from "tokenformer/browser";
import type { Pieces } from "./api.ts";

/** A text with its name, as it is kept with a run. */
export interface NamedText {
  readonly name: string;
  readonly text: string;
  /** Where a skill is learned of it: what the model had learned before. */
  readonly before?: HeldOut | undefined;
}

/** Tokens of a text that were held out, and what it is called. */
export interface HeldOut {
  readonly name: string;
  readonly tokens: Uint32Array;
}

/** Tokens of a byte-pair encoding made here: all bytes, and the most frequent pieces of words. */
const BYTE_PAIRS = 1024;

/** What makes tokens of a text. */
export function tokenizerOf(text: string, pieces: Pieces): Tokenizer {
  if (pieces === "byte-pairs") {
    return new JsonTokenizer(trainBytePairEncoding(text, { vocabularySize: BYTE_PAIRS }), "the text's byte pairs");
  }
  return CharacterTokenizer.fromText(text, { unknown: pieces === "characters and unknown" });
}

/** Tokens of a text: exactly, but for byte pairs, of which a short text may have fewer. */
export function vocabularyOf(text: string, pieces: Pieces): number {
  if (pieces === "byte-pairs") return BYTE_PAIRS;
  return new Set(text).size + (pieces === "characters and unknown" ? 1 : 0);
}

/**
 * A text as tokens to train on and tokens held out.
 * @throws UserError for a text with characters that the tokenizer lacks
 */
export function corpusOf({ name, text }: NamedText, tokenizer: Tokenizer): Corpus {
  return createCorpus(name, tokenizer, memoryTokens(tokenizer.encode(text)));
}

/** Characters of a text's first words, and those of them after which a word may be cut off. */
const OPENING = 48;
const SHORTEST_OPENING = 16;

/** Of the page's book, whose first words are those of its publisher. */
const FAMOUS = "Call me Ishmael. Some years ago";

/** The first words of a text: what a model of it can surely be asked to go on from. */
export function openingOf(text: string): string {
  if (text.includes(FAMOUS)) return FAMOUS;
  const [line = ""] = text.slice(0, 4000).trimStart().split("\n");
  const start = [...line].slice(0, OPENING).join("");
  const end = start.length < line.length ? start.lastIndexOf(" ") : start.length;
  return end < SHORTEST_OPENING ? start : start.slice(0, end);
}
