/** Where texts come from: files that are read piece by piece, lines of JSON, rows of Parquet, and texts that npm packages have. */

import { basename } from "node:path";
import { UserError } from "../errors.ts";
import { type JsonLine, parseJsonLine } from "../formats/index.ts";
import { joinTexts, readTextPieces, type TextPiece } from "../text/index.ts";
import { parquetRows } from "./parquet.ts";
import { isForFineTuning, type PlacedRecord, recordOf, textOfRecord } from "./records.ts";

/** One or several texts, to be read one after the other. */
export interface TextSource {
  /** What messages call it. */
  readonly name: string;
  /** Bytes that are read for it. */
  readonly bytes: number;
  /** @param onRead called with the number of bytes that were read since the last time */
  pieces(onRead?: (bytes: number) => void): AsyncIterable<TextPiece>;
  /** Whether it is for fine-tuning: whether its first record is a prompt with what follows it, or a conversation. */
  readonly isForFineTuning: boolean;
  /** Whether its texts are under a key, of objects or of rows. */
  readonly hasKeys: boolean;
  /** The texts as records, or what is there for fine-tuning. @param onRead as of `pieces` */
  records(onRead?: (bytes: number) => void): AsyncIterable<PlacedRecord>;
}

/** The key of a text in a line of JSON, unless another is named. */
export const TEXT_KEY = "text";

/** Whether a file has a JSON object a line. */
const isJsonLines = (file: string): boolean => /\.(jsonl|ndjson)(\.gz)?$/i.test(file);

const isParquet = (file: string): boolean => /\.parquet$/i.test(file);

/** What may be in a folder of texts. */
const READABLE = /\.((txt|md|jsonl|ndjson)(\.gz)?|parquet)$/i;

/** What a folder of texts may hold, for people. */
export const READABLE_NAMES = ".txt, .md, .jsonl or .parquet";

export const isReadable = (file: string): boolean => READABLE.test(basename(file));

/** A text that is there. */
export function givenText(name: string, text: string): TextSource {
  const onlyRead = (onRead: ((bytes: number) => void) | undefined) => onRead?.(Buffer.byteLength(text));
  return {
    name,
    bytes: Buffer.byteLength(text),
    isForFineTuning: false,
    hasKeys: false,
    async *pieces(onRead) {
      onlyRead(onRead);
      yield { text, isLast: true };
    },
    async *records(onRead) {
      onlyRead(onRead);
      yield { record: { kind: "text", text }, line: 1 };
    },
  };
}

/**
 * The text of a file, or the texts of its lines where it has an object of JSON in each, or of its rows where it is Parquet.
 * @param bytes of the file
 * @param key of the text in an object. Default `text`
 */
export async function textFile(file: string, bytes: number, key = TEXT_KEY): Promise<TextSource> {
  const pieces = (onRead?: (bytes: number) => void) => readTextPieces(file, onRead);
  if (isJsonLines(file)) return objectsSource(file, bytes, key, (onRead) => jsonLines(file, onRead));
  if (isParquet(file)) return objectsSource(file, bytes, key, (onRead) => parquetRows(file, key, onRead));
  return {
    name: file,
    bytes,
    isForFineTuning: false,
    hasKeys: false,
    pieces: (onRead) => whole(pieces(onRead)),
    async *records(onRead) {
      const all: string[] = [];
      for await (const piece of pieces(onRead)) all.push(piece);
      yield { record: { kind: "text", text: joinTexts(file, all) }, line: 1 };
    },
  };
}

type Rows = (onRead?: (bytes: number) => void) => AsyncIterable<JsonLine>;

async function* jsonLines(file: string, onRead?: (bytes: number) => void): AsyncGenerator<JsonLine> {
  for await (const { content, line } of linesOf(readTextPieces(file, onRead))) yield parseJsonLine(content, file, line);
}

/** The records of a file of objects. */
async function objectsSource(file: string, bytes: number, key: string, rows: Rows): Promise<TextSource> {
  const isFor = await beginsForFineTuning(rows);
  const records = async function* (onRead?: (bytes: number) => void): AsyncGenerator<PlacedRecord> {
    let count = 0;
    for await (const row of rows(onRead)) {
      const placed = recordOf(row, file, key);
      // An empty text has no tokens to learn from.
      if (placed.record.kind === "text" && placed.record.text === "") continue;
      count++;
      yield placed;
    }
    if (count === 0)
      throw new UserError(`${file}: has no text under "${key}", expected one a line; name the key with --text-key`);
  };
  return {
    name: file,
    bytes,
    isForFineTuning: isFor,
    hasKeys: true,
    records,
    async *pieces(onRead) {
      for await (const { record } of records(onRead)) yield { text: textOfRecord(record), isLast: true };
    },
  };
}

/** Whether the first record of a file is for fine-tuning; one that is none is told when it is read. */
async function beginsForFineTuning(rows: Rows): Promise<boolean> {
  try {
    for await (const { value } of rows()) return isForFineTuning(value);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
  return false;
}

/** Marks the last piece of a text. */
async function* whole(pieces: AsyncIterable<string>): AsyncGenerator<TextPiece> {
  let before: string | undefined;
  for await (const text of pieces) {
    if (before !== undefined) yield { text: before, isLast: false };
    before = text;
  }
  if (before !== undefined) yield { text: before, isLast: true };
}

/** The lines of a text that are not empty, counted from 1. */
export async function* linesOf(pieces: AsyncIterable<string>): AsyncGenerator<{ content: string; line: number }> {
  let rest = "";
  let line = 0;
  for await (const piece of pieces) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    for (const content of lines) {
      line++;
      if (content.trim() !== "") yield { content, line };
    }
  }
  if (rest.trim() !== "") yield { content: rest, line: line + 1 };
}
