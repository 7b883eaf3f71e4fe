/** From texts to tokens, text by text and piece by piece, so that they may be larger than memory. */

import { UserError } from "../errors.ts";
import {
  type Boundary,
  CharacterTokenizer,
  countWords,
  divided,
  endOfText,
  extendedTokenizer,
  joinTexts,
  loadTokenizer,
  NOWHERE,
  readSettings,
  readTokenizer,
  type Tokenizer,
  trainBytePairEncoding,
  UnknownCharacterError,
  type WordCounts,
  withSettings,
  wordBoundary,
} from "../text/index.ts";
import { IDS } from "./data-names.ts";
import type { TextSource } from "./text-sources.ts";

/** Texts to train on and texts to hold out; where these are none, the end of the first is. */
export interface Texts {
  readonly name: string;
  readonly train: readonly TextSource[];
  readonly validation: readonly TextSource[];
}

/** How far the work on texts has come. */
export interface DataProgress {
  readonly doing: "reading characters" | "counting words" | "merging pairs" | "tokenizing";
  /** Bytes that are read, or pairs that are merged, of `total`. */
  readonly done: number;
  readonly total: number;
}

export type OnProgress = (progress: DataProgress) => void;

/** Counts what is read of some sources. */
export function counterOf(
  sources: readonly TextSource[],
  doing: DataProgress["doing"],
  onProgress: OnProgress = () => undefined,
): (bytes: number) => void {
  const total = bytesOf(sources);
  let done = 0;
  return (bytes) => {
    done += bytes;
    onProgress({ doing, done, total });
  };
}

export const bytesOf = (sources: readonly TextSource[]): number => sources.reduce((sum, { bytes }) => sum + bytes, 0);

/** How a tokenizer is made. */
export interface MakingOptions {
  /** Tokens that no text has; the first ends texts, unless one has a known name for that. Default: none. */
  readonly specialTokens?: readonly string[] | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/**
 * The tokenizer of a choice: characters of texts, those held out included, a byte-pair encoding trained on them, or a file.
 * @throws UserError for special tokens with a tokenizer that is made already
 */
export async function tokenizerForTexts(choice: string, texts: Texts, options: MakingOptions = {}): Promise<Tokenizer> {
  const { specialTokens = [] } = options;
  if (choice.endsWith(".json")) {
    if (specialTokens.length === 0) return readTokenizer(choice);
    throw new UserError(
      `--special-tokens: ${choice} has its own, expected a tokenizer that is made here; leave them out`,
    );
  }
  if (choice === IDS) {
    throw new UserError(
      `${texts.name}: is text, expected token files for the tokenizer "${IDS}"; choose "character" or "bpe:1024"`,
    );
  }
  if (choice === "none") {
    throw new UserError(
      `${texts.name}: is text, and the tokenizer is "none", expected one that makes tokens of it; choose "character" or "bpe:1024", or name a tokenizer.json`,
    );
  }
  const made = choice.startsWith("character")
    ? await characterTokenizer(choice, texts, options)
    : await bytePairTokenizer(choice, texts, options);
  const [first] = specialTokens;
  return first === undefined || endOfText(made) !== undefined
    ? made
    : withSettings(made, readSettings({ eos_token: first }, choice));
}

/**
 * A tokenizer with the special tokens that are asked for, and, if it is one of characters, with those of texts that it lacks.
 * @throws UserError for special tokens that are empty or the same
 */
export async function extendedForTexts(tokenizer: Tokenizer, texts: Texts, options: MakingOptions): Promise<Tokenizer> {
  const { specialTokens = [] } = options;
  const characters = tokenizer.kind === "character" ? await charactersOf(texts, options) : [];
  return extendedTokenizer(tokenizer, specialTokens, characters);
}

async function characterTokenizer(choice: string, texts: Texts, options: MakingOptions) {
  const { specialTokens = [] } = options;
  const text = (await charactersOf(texts, options)).join("");
  return CharacterTokenizer.fromText(text, { unknown: choice === "character+unknown", specialTokens });
}

/** The characters of texts, those held out included, and what stands between them. */
async function charactersOf({ train, validation }: Texts, { onProgress }: MakingOptions): Promise<string[]> {
  const sources = [...train, ...validation];
  const onRead = counterOf(sources, "reading characters", onProgress);
  const found = new Uint8Array(0x11_0000);
  let texts = 0;
  for (const source of sources) {
    for await (const { text, isLast } of source.pieces(onRead)) {
      markCharacters(text, found);
      if (isLast) texts++;
    }
    if (source.isForFineTuning) markCharacters(LINE_BREAK, found);
  }
  if (texts > 1) markCharacters(LINE_BREAK, found);
  const characters: string[] = [];
  for (let codePoint = found.indexOf(1); codePoint !== -1; codePoint = found.indexOf(1, codePoint + 1)) {
    characters.push(String.fromCodePoint(codePoint));
  }
  return characters;
}

function markCharacters(text: string, found: Uint8Array): void {
  for (let index = 0; index < text.length; index++) {
    const codePoint = text.codePointAt(index) ?? 0;
    found[codePoint] = 1;
    if (codePoint > 0xffff) index++;
  }
}

async function bytePairTokenizer(choice: string, { train }: Texts, options: MakingOptions): Promise<Tokenizer> {
  const { specialTokens = [], onProgress } = options;
  const onRead = counterOf(train, "counting words", onProgress);
  const words: WordCounts = new Map();
  for await (const { text } of separated(train, wordBoundary(specialTokens), onRead)) {
    countWords(text, words, specialTokens);
  }
  const json = trainBytePairEncoding(words, {
    vocabularySize: Number(choice.replace("bpe:", "")),
    specialTokens,
    onProgress: (done, total) => onProgress?.({ doing: "merging pairs", done, total }),
  });
  return loadTokenizer(json, choice);
}

/** What stands between texts where no token ends them. */
const LINE_BREAK = "\n";

/** A piece of one of several texts. */
interface Piece {
  readonly text: string;
  readonly source: TextSource;
  /** Whether its text begins with it. */
  readonly begins: boolean;
  /** Whether it begins and follows another text, so that something has to stand between the two. */
  readonly follows: boolean;
  /** Lines of the source before it. */
  readonly lines: number;
}

/** Texts one after the other, each but the first after a line break unless `between` is another. */
async function* separated(
  sources: readonly TextSource[],
  boundary: Boundary,
  onRead: (bytes: number) => void,
  between = LINE_BREAK,
): AsyncGenerator<Piece> {
  let isFirst = true;
  for (const source of sources) {
    let begins = true;
    let lines = 0;
    for await (const { text, isLast } of divided(source.pieces(onRead), boundary, source.name)) {
      const follows = begins && !isFirst;
      yield {
        text: follows ? between + text : text,
        source,
        begins,
        follows,
        lines: follows ? lines - countOf(between) : lines,
      };
      lines += countOf(text);
      isFirst = false;
      begins = isLast;
    }
  }
}

/** Line breaks in a text. */
function countOf(text: string): number {
  let count = 0;
  for (let index = text.indexOf(LINE_BREAK); index >= 0; index = text.indexOf(LINE_BREAK, index + 1)) count++;
  return count;
}

/** Tokens of texts, and the length in UTF-8 bytes of what they stand for. */
export interface EncodedPiece {
  readonly ids: Uint32Array;
  readonly bytes: number;
}

/**
 * The tokens of texts; between two, the token that ends a text, or a line break where the tokenizer has none.
 * @throws UserError for a character that the tokenizer lacks, with its place
 */
export async function* encodedTexts(
  sources: readonly TextSource[],
  tokenizer: Tokenizer,
  onProgress?: OnProgress,
): AsyncGenerator<EncodedPiece> {
  const end = endOfText(tokenizer);
  const onRead = counterOf(sources, "tokenizing", onProgress);
  const between = end === undefined ? LINE_BREAK : "";
  for await (const { text, source, begins, follows, lines } of separated(
    sources,
    tokenizer.boundary ?? NOWHERE,
    onRead,
    between,
  )) {
    if (follows && end !== undefined) yield { ids: Uint32Array.of(end.id), bytes: Buffer.byteLength(end.content) };
    yield { ids: encoded(tokenizer, text, !begins, source, lines), bytes: Buffer.byteLength(text) };
  }
}

function encoded(
  tokenizer: Tokenizer,
  text: string,
  continues: boolean,
  { name }: TextSource,
  lines: number,
): Uint32Array {
  try {
    return tokenizer.encode(text, continues);
  } catch (error) {
    throw error instanceof UnknownCharacterError ? error.in(name, lines) : error;
  }
}

/** All texts as one, with a line break between two. @throws UserError where it would be longer than a string can be */
export async function joinedText(name: string, sources: readonly TextSource[]): Promise<string> {
  const texts: string[] = [];
  for await (const { text } of separated(sources, "anywhere", () => undefined)) texts.push(text);
  return joinTexts(name, texts);
}
