/** Texts that come piece by piece, divided where their tokens are those of the whole. */

import { UserError } from "../errors.ts";
import { LONGEST_TEXT } from "./corpus.ts";

/** A piece of a text. */
export interface TextPiece {
  readonly text: string;
  /** Whether the text ends with it. */
  readonly isLast: boolean;
}

/**
 * Where a text can be divided so that the tokens of its parts are those of the whole: between any two characters, where an expression
 * matches nothing (it is global, and looks at no more than two UTF-16 units after a place), or nowhere, with what messages give for
 * the reason.
 */
export type Boundary = "anywhere" | RegExp | { readonly because: string };

/** The boundary of texts of which nothing is known. */
export const NOWHERE: Boundary = { because: "the tokenizer takes only whole texts" };

/**
 * GPT-2's division into words ends one before white space that follows anything else, none of its words depends on what lies beyond,
 * and Unicode normalisation does not compose across such a place.
 */
const WORD_BOUNDARY = /(?<=\P{White_Space})(?=\p{White_Space})/gu;

/** A boundary of words, at the ends of lines alone. */
const LINE_BOUNDARY = /(?<=\P{White_Space})(?=\r?\n)/gu;

/** Where texts of such words can be divided, beside some tokens that stand for their whole text: white space may be within. */
export function wordBoundary(specialTokens: readonly string[]): Boundary {
  if (specialTokens.some((token) => /[\r\n]/.test(token)))
    return { because: "a special token has a line break within" };
  return specialTokens.some((token) => /\p{White_Space}/u.test(token)) ? LINE_BOUNDARY : WORD_BOUNDARY;
}

/** The length of pieces that are encoded at once, in UTF-16 units: what is found on the way needs memory. */
export const PIECE_LENGTH = 2 ** 20;

/** Divides a text. Pieces but the last are at least as long as `least`, in UTF-16 units. */
export function* piecesOf(text: string, boundary: RegExp, least = PIECE_LENGTH): Generator<string> {
  let start = 0;
  while (start < text.length) {
    boundary.lastIndex = start + Math.max(1, least);
    const end = boundary.exec(text)?.index ?? text.length;
    yield text.slice(start, end);
    start = end;
  }
}

/**
 * Divides texts anew that come in pieces of any length, one text after the other.
 *
 * @param name what messages call them.
 * @throws UserError for a text that cannot be divided and is longer than a string can be.
 */
export async function* divided(
  pieces: AsyncIterable<TextPiece>,
  boundary: Boundary,
  name: string,
  least = PIECE_LENGTH,
): AsyncGenerator<TextPiece> {
  if (boundary === "anywhere") {
    yield* pieces;
    return;
  }
  let rest = "";
  // Its start that has been searched in vain: a long text without a place to divide it is not gone through again for each piece.
  let searched = 0;
  for await (const { text, isLast } of pieces) {
    if (rest.length + text.length > LONGEST_TEXT) throw tooLong(name, boundary);
    rest += text;
    if (isLast) {
      yield { text: rest, isLast };
      rest = "";
      searched = 0;
    } else if (boundary instanceof RegExp && rest.length > least) {
      const end = lastBoundary(rest, boundary, searched);
      if (end > 0) yield { text: rest.slice(0, end), isLast: false };
      rest = rest.slice(end);
      searched = Math.max(0, rest.length - REACH);
    }
  }
}

/** UTF-16 units that a boundary's expression looks at, at most, after a place. */
const REACH = 2;

/** The last place to divide a text from `start` on; 0 where there is none. It is looked for near the end, in ever longer parts. */
function lastBoundary(text: string, boundary: RegExp, start: number): number {
  for (let length = 1024; ; length *= 8) {
    const from = Math.max(start, text.length - length);
    let last = 0;
    boundary.lastIndex = from;
    for (let found = boundary.exec(text); found !== null; found = boundary.exec(text)) {
      last = found.index;
      boundary.lastIndex = found.index + 1;
    }
    if (last > 0 || from === start) return last;
  }
}

function tooLong(name: string, boundary: RegExp | { readonly because: string }): UserError {
  const why = boundary instanceof RegExp ? "it has no white space at which it could be divided" : boundary.because;
  return new UserError(
    `${name}: a text has more than ${LONGEST_TEXT} characters, expected fewer, as ${why}; split it into several files`,
  );
}
