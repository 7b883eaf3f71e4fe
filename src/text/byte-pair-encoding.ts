import { UserError } from "../errors.ts";
import { byteCharacters } from "./byte-alphabet.ts";
import { PairMerger } from "./pair-merger.ts";
import { checkNotTaken, checkSpecialTokens, specialPattern } from "./special-text.ts";
import { bytePairJson } from "./tokenizer-json.ts";
import { WORD } from "./word.ts";

/** How a byte-pair encoding is trained. */
export interface BytePairOptions {
  /** Tokens wanted: 256 bytes, the special tokens, and one for each merge. */
  readonly vocabularySize: number;
  /** Tokens that stand for their whole text, such as `<|endoftext|>`; they take the last ids. None by default. */
  readonly specialTokens?: readonly string[];
  /** A function that is called after each merge with the number made and the number wanted. */
  readonly onProgress?: (merges: number, wanted: number) => void;
}

/** A pair that occurs once says nothing about other text: merging it would only learn the training text by heart. */
const LEAST_OCCURRENCES = 2;

/** Bytes as visible characters, after that division into words. */
const BYTE_LEVEL = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };

/** How often each word of texts occurs, in the order of their first occurrence. */
export type WordCounts = Map<string, number>;

/** Adds the words of a text, so that an encoding can be trained on more text than memory holds. */
export function countWords(text: string, counts: WordCounts, specialTokens: readonly string[] = []): void {
  for (const section of splitAtSpecialTokens(text, specialTokens)) {
    for (const [word] of section.matchAll(WORD)) {
      const count = counts.get(word);
      counts.set(count === undefined ? detached(word) : word, (count ?? 0) + 1);
    }
  }
}

/** V8 makes a longer part of a text a reference to the whole, which would keep that in memory. */
function detached(word: string): string {
  return word.length < 13 ? word : JSON.parse(JSON.stringify(word));
}

/**
 * Trains a byte-level byte-pair encoding in the manner of GPT-2 and returns the contents of its tokenizer.json.
 *
 * The text is divided into words, the words into bytes; then the most frequent pair of neighbouring tokens within words
 * becomes a token, again and again. Of equally frequent pairs the one with the lower left id is merged, then the one with
 * the lower right id: the pair of older tokens. A pair whose joined text is a token already is passed over, so that each
 * token has a single merge and merging by rank divides a word exactly as training did.
 *
 * Ids: bytes 0–255 in the order of GPT-2's byte alphabet (as in GPT-2, so "!" is 0), then the merges in the order made,
 * then the special tokens; no merge makes what one of these is called. The vocabulary is smaller than asked for where the text has no more
 * pairs that occur twice.
 *
 * @param text a text, or the words of several that `countWords` has counted.
 * @throws UserError for a vocabulary that cannot hold the bytes and the special tokens, and for a special token that is one of the byte
 * alphabet.
 */
export function trainBytePairEncoding(text: string | WordCounts, options: BytePairOptions): unknown {
  const { vocabularySize, specialTokens = [], onProgress } = options;
  checkSpecialTokens(specialTokens);
  const least = 256 + specialTokens.length;
  if (!Number.isSafeInteger(vocabularySize) || vocabularySize < least) {
    throw new UserError(
      `The vocabulary size of a byte-pair encoding is ${vocabularySize}, expected a whole number of at least ${least}: ` +
        `256 bytes and ${specialTokens.length} special tokens; ask for more tokens, or for a character tokenizer`,
    );
  }
  const alphabet = byteCharacters.toSorted((one, other) => (one < other ? -1 : 1));
  checkNotTaken(specialTokens, (token) => alphabet.includes(token));
  const idOfByte = byteCharacters.map((character) => alphabet.indexOf(character));
  const occurrences: WordCounts = typeof text === "string" ? new Map() : text;
  if (typeof text === "string") countWords(text, occurrences, specialTokens);
  const encoder = new TextEncoder();
  const words = {
    *[Symbol.iterator]() {
      for (const [word, count] of occurrences) {
        yield [encoder.encode(word).map((byte) => idOfByte[byte] ?? 0), count] as const;
      }
    },
  };
  const merger = new PairMerger(words);

  const tokens = [...alphabet];
  const known = new Set([...tokens, ...specialTokens]);
  const merges: string[] = [];
  const wanted = vocabularySize - least;
  while (merges.length < wanted) {
    const pair = merger.mostFrequent();
    if (pair === undefined || pair.count < LEAST_OCCURRENCES) {
      break;
    }
    const [left, right] = [tokens[pair.left] ?? "", tokens[pair.right] ?? ""];
    if (known.has(left + right)) {
      continue;
    }
    merger.merge(pair, tokens.length);
    tokens.push(left + right);
    known.add(left + right);
    merges.push(`${left} ${right}`);
    onProgress?.(merges.length, wanted);
  }
  return bytePairJson({
    tokens,
    merges,
    addedTokens: specialTokens.map((content, index) => ({ id: tokens.length + index, content })),
    preTokenizer: BYTE_LEVEL,
    decoder: BYTE_LEVEL,
  });
}

/** The text between special tokens, as a reader of the tokenizer.json finds them. */
function splitAtSpecialTokens(text: string, specialTokens: readonly string[]): string[] {
  return specialTokens.length === 0 ? [text] : text.split(specialPattern(specialTokens));
}
