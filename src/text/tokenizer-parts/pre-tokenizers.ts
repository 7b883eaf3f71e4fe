/** Pre-tokenizers of a tokenizer.json: how a text is divided before its pieces become tokens. */

import { z } from "zod";
import { UserError } from "../../errors.ts";
import { WORD } from "../word.ts";
import { replaceSpaces, toByteCharacters } from "./normalizers.ts";
import { readPart, type StagePart, typeOf, unsupported } from "./part.ts";
import { behaviors, type Cut, cut, literalPattern, readPattern } from "./pattern.ts";

/** Divides one piece, of which `first` says whether it begins where the whole text does. */
type Divide = (piece: string, first: boolean) => Cut;

/** Divides pieces further. */
export type PreTokenizer = (pieces: Cut) => Cut;

/** Words and runs of other marks, by the tables of Rust's regular expressions. */
const WORD_CHARACTERS = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
export const WORDS_OR_MARKS = new RegExp(`[${WORD_CHARACTERS}]+|[^${WORD_CHARACTERS}\\p{White_Space}]+`, "gu");

export const SPACE = /\p{White_Space}/gu;
export const PUNCTUATION = /[\p{P}\x21-\x2F\x3A-\x40\x5B-\x60\x7B-\x7E]/gu;
export const NUMBER = /\p{N}/gu;

export const byteLevelSchema = z.looseObject({ add_prefix_space: z.boolean(), use_regex: z.boolean().default(true) });
export const splitSchema = z.looseObject({ pattern: z.unknown(), behavior: z.enum(behaviors), invert: z.boolean() });
export const punctuationSchema = z.looseObject({ behavior: z.enum(behaviors).default("Isolated") });
export const digitsSchema = z.looseObject({ individual_digits: z.boolean() });
const character = z.string().refine((text) => [...text].length === 1, "expected one character");
export const delimiterSchema = z.looseObject({ delimiter: character });
const fixedLengthSchema = z.looseObject({ length: z.int().positive().default(5) });
const sequenceSchema = z.looseObject({ pretokenizers: z.array(z.unknown()) });

export const metaspaceSchema = z.looseObject({
  replacement: character,
  prepend_scheme: z.enum(["first", "never", "always"]).default("always"),
  add_prefix_space: z.boolean().nullish(),
  split: z.boolean().nullish(),
});

/**
 * @param normalized whether there is a normalizer before it.
 * @throws UserError for a pre-tokenizer that is malformed or not supported.
 */
export function readPreTokenizer(part: unknown, place: string, normalized: boolean): PreTokenizer {
  const stages = preTokenizersOf(part, place);
  const late = stages.find(({ part: stage }, index) => index > 0 && isFirstMetaspace(stage));
  if (late !== undefined && normalized) {
    throw unsupported(
      late.place,
      'a Metaspace with prepend_scheme "first" after a normalizer and another pre-tokenizer',
    );
  }
  const all = stages.map((stage) => each(readDivision(stage.part, stage.place)));
  return (pieces) => all.reduce((divided, preTokenizer) => preTokenizer(divided), pieces);
}

/** The pre-tokenizers one after another, without sequences of them. */
export function preTokenizersOf(part: unknown, place: string): StagePart[] {
  if (typeOf(part, place) !== "Sequence") return [{ part, place }];
  const parts = readPart(sequenceSchema, part, place).pretokenizers;
  return parts.flatMap((one, index) => preTokenizersOf(one, `${place}.pretokenizers.${index}`));
}

function isFirstMetaspace(part: unknown): boolean {
  const first = z.looseObject({ type: z.literal("Metaspace"), prepend_scheme: z.literal("first") });
  return first.safeParse(part).success;
}

/** Divides every piece; only the first can begin where the text does. */
function each(divide: Divide): PreTokenizer {
  return ({ pieces, first }) => {
    const divided = pieces.map((piece, index) => divide(piece, first && index === 0));
    const start = divided.findIndex(({ pieces: some }) => some.length > 0);
    return { pieces: divided.flatMap(({ pieces: some }) => some), first: start === 0 && divided[0]?.first === true };
  };
}

function readDivision(part: unknown, place: string): Divide {
  const type = typeOf(part, place);
  switch (type) {
    case "ByteLevel":
      return byteLevel(readPart(byteLevelSchema, part, place));
    case "Metaspace":
      return metaspace(part, place);
    case "Split": {
      const { pattern, behavior, invert } = readPart(splitSchema, part, place);
      const regex = readPattern(pattern, `${place}.pattern`);
      return (piece, first) => within(first, cut(piece, regex, behavior, invert));
    }
    case "Whitespace":
      return (piece, first) => within(first, cut(piece, WORDS_OR_MARKS, "Removed", true));
    case "WhitespaceSplit":
      return (piece, first) => within(first, cut(piece, SPACE, "Removed"));
    case "BertPreTokenizer":
      return bert;
    case "Punctuation": {
      const { behavior } = readPart(punctuationSchema, part, place);
      return (piece, first) => within(first, cut(piece, PUNCTUATION, behavior));
    }
    case "Digits": {
      const { individual_digits } = readPart(digitsSchema, part, place);
      return (piece, first) => within(first, cut(piece, NUMBER, individual_digits ? "Isolated" : "Contiguous"));
    }
    case "CharDelimiterSplit": {
      const delimiter = literalPattern(readPart(delimiterSchema, part, place).delimiter);
      return (piece, first) => within(first, cut(piece, delimiter, "Removed"));
    }
    case "FixedLength": {
      const pattern = new RegExp(`[\\s\\S]{1,${readPart(fixedLengthSchema, part, place).length}}`, "gu");
      return (piece, first) => within(first, cut(piece, pattern, "Isolated"));
    }
    default:
      throw unsupported(place, `the type ${JSON.stringify(type)}`);
  }
}

/** The parts of a piece: none begins where the text does, unless the piece does. */
function within(first: boolean, divided: Cut): Cut {
  return first ? divided : { ...divided, first: false };
}

function bert(piece: string, first: boolean): Cut {
  const words = within(first, cut(piece, SPACE, "Removed"));
  return { ...words, pieces: words.pieces.flatMap((word) => cut(word, PUNCTUATION, "Isolated").pieces) };
}

function byteLevel({ add_prefix_space, use_regex }: z.infer<typeof byteLevelSchema>): Divide {
  return (piece, first) => {
    const text = add_prefix_space && !piece.startsWith(" ") ? ` ${piece}` : piece;
    const words = use_regex ? cut(text, WORD, "Isolated").pieces : [text];
    return { pieces: words.map(toByteCharacters), first };
  };
}

function metaspace(part: unknown, place: string): Divide {
  const { replacement, prepend_scheme, add_prefix_space, split } = readPart(metaspaceSchema, part, place);
  if (add_prefix_space === false && prepend_scheme !== "never") {
    throw new UserError(`${place}: add_prefix_space is false, but prepend_scheme ${JSON.stringify(prepend_scheme)}`);
  }
  const pattern = literalPattern(replacement);
  return (piece, first) => {
    const marked = replaceSpaces(piece, replacement);
    const prepends = prepend_scheme === "always" || (prepend_scheme === "first" && first);
    const text = prepends && !marked.startsWith(replacement) ? replacement + marked : marked;
    return split === false ? { pieces: [text], first } : within(first, cut(text, pattern, "MergedWithNext"));
  };
}
