/** What texts are cut into. */

import {
  CharacterTokenizer,
  type CheckpointSummary,
  type Corpus,
  createCorpus,
  JsonTokenizer,
  memoryTokens,
  type PlacedRecord,
  recordsCorpus,
  recordsIn,
  type Tokenizer,
  textOfRecord,
  trainBytePairEncoding,
  UserError,
} from "tokenformer/browser";
import type { LossPart, Pieces } from "./api.ts";

/** A text with its name, as it is kept with a run. */
export interface NamedText {
  readonly name: string;
  readonly text: string;
  /** What is learned of it, where it is lines of JSON with prompts or conversations. Default: completion. */
  readonly lossOn?: LossPart | undefined;
  /** Whether a model learns it in place of the text that it was made for. Default: no. */
  readonly replaces?: boolean;
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

let last: { readonly text: string; readonly records: readonly PlacedRecord[] | undefined } | undefined;

/** The prompts or conversations of a text that is lines of JSON; those of the last one are kept. */
function recordsOf({ name, text }: NamedText): readonly PlacedRecord[] | undefined {
  if (last?.text !== text) last = { text, records: recordsIn(text, name) };
  return last.records;
}

/** Whether a text is lines of JSON with prompts or conversations. */
export const hasRecords = (named: NamedText): boolean => recordsOf(named) !== undefined;

/** What a model reads and writes of a text: all of it, or what records have for texts. */
function readable(named: NamedText): string {
  const records = recordsOf(named);
  return records === undefined ? named.text : records.map(({ record }) => `${textOfRecord(record)}\n`).join("");
}

/** What makes tokens of a text. @throws UserError for a line of JSON that is wrong */
export function tokenizerOf(named: NamedText, pieces: Pieces): Tokenizer {
  const text = readable(named);
  if (pieces === "byte-pairs") {
    return new JsonTokenizer(trainBytePairEncoding(text, { vocabularySize: BYTE_PAIRS }), "the text's byte pairs");
  }
  return CharacterTokenizer.fromText(text, { unknown: pieces === "characters and unknown" });
}

/** The tokenizer that a checkpoint was trained with. @throws UserError where it has none: another one's tokens would mean other things */
export function checkpointTokenizer({ tokenizer }: CheckpointSummary): Tokenizer {
  if (tokenizer !== undefined) return tokenizer;
  throw new UserError(
    "there is no tokenizer.json in it, which says what the run's tokens stand for; put the one that it was trained with into its folder",
  );
}

/** Tokens of a text: exactly, but for byte pairs, of which a short text may have fewer, and for lines of JSON, whose signs count too. */
export function vocabularyOf(text: string, pieces: Pieces): number {
  if (pieces === "byte-pairs") return BYTE_PAIRS;
  return new Set(text).size + (pieces === "characters and unknown" ? 1 : 0);
}

/**
 * A text as tokens to train on and tokens held out. Of prompts and conversations as lines of JSON, the completions and the replies alone
 * are learned unless the text says otherwise, as on the command line.
 * @throws UserError for a text with characters that the tokenizer lacks, and for a line of JSON that is wrong
 */
export function corpusOf(named: NamedText, tokenizer: Tokenizer): Corpus {
  const records = recordsOf(named);
  if (records !== undefined) return recordsCorpus(named.name, records, tokenizer, { lossOn: named.lossOn });
  return createCorpus(named.name, tokenizer, memoryTokens(tokenizer.encode(named.text)));
}

/** Characters of a text's first words, and those of them after which a word may be cut off. */
const OPENING = 48;
const SHORTEST_OPENING = 16;

/** Of the page's book, whose first words are those of its publisher. */
const FAMOUS = "Call me Ishmael. Some years ago";

function firstWordsOf({ record }: PlacedRecord): string {
  if (record.kind === "text") return record.text;
  return record.kind === "completion" ? record.prompt : (record.messages[0]?.content ?? "");
}

/** The first words of a text: what a model of it can surely be asked to go on from. */
export function openingOf(named: NamedText): string {
  const [first] = recordsOf(named) ?? [];
  const text = first === undefined ? named.text : firstWordsOf(first);
  if (text.includes(FAMOUS)) return FAMOUS;
  const [line = ""] = text.slice(0, 4000).trimStart().split("\n");
  const start = [...line].slice(0, OPENING).join("");
  const end = start.length < line.length ? start.lastIndexOf(" ") : start.length;
  return end < SHORTEST_OPENING ? start : start.slice(0, end);
}
