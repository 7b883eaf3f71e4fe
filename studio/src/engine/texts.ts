/** The texts that runs train on. */

import {
  CharacterTokenizer,
  type CheckpointSummary,
  type Corpus,
  createCorpus,
  JsonTokenizer,
  memoryTokens,
  type Tokenizer,
  trainBytePairEncoding,
  UserError,
} from "tokenformer/browser";
import type { Pieces, TextChoice } from "./api.ts";

/** A text with its name, as it is kept with a run. */
export interface NamedText {
  readonly name: string;
  readonly text: string;
}

/** The name of the library's own book: a run of the command line that names it trains on the same characters. */
export const DEFAULT_NAME = "Moby-Dick";

let book: Promise<NamedText> | undefined;

/** The page's own book, fetched when it is first asked for. */
export function defaultText(): Promise<NamedText> {
  book ??= fetchBook();
  // A failed fetch is tried again the next time.
  book.catch(() => {
    book = undefined;
  });
  return book;
}

async function fetchBook(): Promise<NamedText> {
  const response = await fetch(new URL("default.txt", pageAddress()));
  if (!response.ok)
    throw new UserError(
      `the page's text could not be loaded (${response.status}); reload the page, or use your own text`,
    );
  return { name: DEFAULT_NAME, text: await response.text() };
}

/** The folder of the page: the worker's script lies in `assets/` below it, but for vite's own server. */
function pageAddress(): URL {
  return new URL(import.meta.env.DEV ? "/" : "../", self.location.href);
}

export async function textOf(choice: TextChoice): Promise<NamedText> {
  return choice.kind === "default" ? defaultText() : { name: choice.name, text: choice.text };
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

/** The first words of a text: what a model of it can surely be asked to go on from. */
export function openingOf(text: string): string {
  const [line = ""] = text.slice(0, 4000).trimStart().split("\n");
  const start = [...line].slice(0, OPENING).join("");
  const end = start.length < line.length ? start.lastIndexOf(" ") : start.length;
  return end < SHORTEST_OPENING ? start : start.slice(0, end);
}

/**
 * The text of a run that came without a choice of one: its own, else the page's.
 * @throws UserError where the page's has characters that the run does not know
 */
export async function fallbackText(
  { tokenizer, dataName }: CheckpointSummary,
  own: string | undefined,
): Promise<NamedText> {
  if (own !== undefined) return { name: dataName, text: own };
  const text = await defaultText();
  try {
    tokenizer?.encode(text.text);
  } catch {
    throw new UserError(
      `this run was trained on ${dataName || "another text"}, which is not in it; choose that text too`,
    );
  }
  return text;
}
