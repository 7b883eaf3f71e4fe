/** Where texts come from: files that are read piece by piece, lines of JSON, and texts that npm packages have. */

import { basename } from "node:path";
import { z } from "zod";
import { UserError } from "../errors.ts";
import { checkJsonLine, parseJsonLine } from "../formats/index.ts";
import { readTextPieces, type TextPiece } from "../text/index.ts";

/** One or several texts, to be read one after the other. */
export interface TextSource {
  /** What messages call it. */
  readonly name: string;
  /** Bytes that are read for it. */
  readonly bytes: number;
  /** @param onRead called with the number of bytes that were read since the last time */
  pieces(onRead?: (bytes: number) => void): AsyncIterable<TextPiece>;
}

/** The key of a text in a line of JSON, unless another is named. */
export const TEXT_KEY = "text";

/** Whether a file has a JSON object a line. */
const isJsonLines = (file: string): boolean => /\.(jsonl|ndjson)(\.gz)?$/i.test(file);

/** What may be in a folder of texts. */
const READABLE = /\.(txt|md|jsonl|ndjson)(\.gz)?$/i;

/** What a folder of texts may hold, for people. */
export const READABLE_NAMES = ".txt, .md or .jsonl";

export const isReadable = (file: string): boolean => READABLE.test(basename(file));

/** A text that is there. */
export function givenText(name: string, text: string): TextSource {
  return {
    name,
    bytes: Buffer.byteLength(text),
    async *pieces(onRead) {
      onRead?.(Buffer.byteLength(text));
      yield { text, isLast: true };
    },
  };
}

/**
 * The text of a file, or the texts of its lines where it has an object of JSON in each.
 * @param bytes of the file
 * @param key of the text in an object. Default `text`
 */
export function textFile(file: string, bytes: number, key = TEXT_KEY): TextSource {
  const pieces = (onRead?: (bytes: number) => void) => readTextPieces(file, onRead);
  return {
    name: file,
    bytes,
    pieces: (onRead) => (isJsonLines(file) ? textsOfLines(pieces(onRead), file, key) : whole(pieces(onRead))),
  };
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

async function* textsOfLines(pieces: AsyncIterable<string>, file: string, key: string): AsyncGenerator<TextPiece> {
  const schema = z.looseObject({ [key]: z.string() });
  let count = 0;
  for await (const { content, line } of linesOf(pieces)) {
    const text = checkJsonLine(parseJsonLine(content, file, line), file, schema)[key];
    if (typeof text !== "string") throw new Error("internal: the schema has the key");
    // An empty text has no tokens to learn from.
    if (text === "") continue;
    count++;
    yield { text, isLast: true };
  }
  if (count === 0)
    throw new UserError(`${file}: has no text under "${key}", expected one a line; name the key with --text-key`);
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
