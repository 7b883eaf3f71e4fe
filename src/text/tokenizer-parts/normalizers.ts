/** Normalizers of a tokenizer.json: what happens to a text before it is divided. */

import { z } from "zod";
import { byteCharacters } from "../byte-alphabet.ts";
import { readPart, type StagePart, typeOf, unsupported } from "./part.ts";
import { literalPattern, readPattern, replaceMatches } from "./pattern.ts";
import { readPrecompiled } from "./precompiled.ts";

/** A text between added tokens. */
export interface Section {
  readonly text: string;
  /** Whether its first character is, or came from, the first one of the whole text. */
  readonly first: boolean;
  /** Whether it goes on a section that was taken before, divided from it where `boundary` says. */
  readonly continues: boolean;
}

export type Normalizer = (section: Section) => Section;

export const bertSchema = z.looseObject({
  clean_text: z.boolean(),
  handle_chinese_chars: z.boolean(),
  strip_accents: z.boolean().nullish(),
  lowercase: z.boolean(),
});
const stripSchema = z.looseObject({ strip_left: z.boolean(), strip_right: z.boolean() });
const prependSchema = z.looseObject({ prepend: z.string() });
export const replaceSchema = z.looseObject({ pattern: z.unknown(), content: z.string() });
const sequenceSchema = z.looseObject({ normalizers: z.array(z.unknown()) });

/** The normalizers one after another, without sequences of them. */
export function normalizersOf(part: unknown, place: string): StagePart[] {
  if (typeOf(part, place) !== "Sequence") return [{ part, place }];
  const parts = readPart(sequenceSchema, part, place).normalizers;
  return parts.flatMap((one, index) => normalizersOf(one, `${place}.normalizers.${index}`));
}

/** @throws UserError for a normalizer that is malformed or not supported. */
export function readNormalizer(part: unknown, place: string): Normalizer {
  return chained(...normalizersOf(part, place).map((stage) => readOne(stage.part, stage.place)));
}

function readOne(part: unknown, place: string): Normalizer {
  const type = typeOf(part, place);
  switch (type) {
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return mapping((text) => text.normalize(type));
    case "Lowercase":
      return mapping(lowercase);
    case "StripAccents":
      return removing(/\p{M}/gu);
    case "Strip":
      return strip(readPart(stripSchema, part, place));
    case "Nmt":
      return chained(removing(NMT_REMOVED), mapping(replacing(NMT_SPACES, " ")));
    case "BertNormalizer":
      return bert(readPart(bertSchema, part, place));
    case "ByteLevel":
      return mapping(toByteCharacters);
    case "Precompiled":
      return mapping(readPrecompiled(part, place));
    case "Prepend": {
      const { prepend } = readPart(prependSchema, part, place);
      return (section) =>
        section.text === "" || section.continues ? section : { ...section, text: prepend + section.text };
    }
    case "Replace":
      return replace(part, place);
    default:
      throw unsupported(place, `the type ${JSON.stringify(type)}`);
  }
}

/** The UTF-8 bytes of a text, each as its character of GPT-2's alphabet. */
export function toByteCharacters(text: string): string {
  if (/^[!-~]*$/.test(text)) return text;
  let characters = "";
  for (const byte of new TextEncoder().encode(text)) characters += byteCharacters[byte] ?? "";
  return characters;
}

function mapping(map: (text: string) => string): Normalizer {
  return (section) => ({ ...section, text: map(section.text) });
}

function replacing(pattern: RegExp, content: string): (text: string) => string {
  return (text) => text.replace(pattern, content);
}

function chained(...normalizers: readonly Normalizer[]): Normalizer {
  return (section) => normalizers.reduce((normalized, normalizer) => normalizer(normalized), section);
}

/** Removes all that matches; where the first character goes, the text begins with another one. */
function removing(pattern: RegExp): Normalizer {
  return ({ text, first, continues }) => ({
    text: text.replace(pattern, ""),
    first: first && text.search(pattern) !== 0,
    continues,
  });
}

function strip({ strip_left, strip_right }: z.infer<typeof stripSchema>): Normalizer {
  const removed = removing(/^\p{White_Space}+/u);
  const left: Normalizer = (section) => (section.continues ? section : removed(section));
  const right = mapping((text) => text.slice(0, lengthWithoutSpaceAtEnd(text)));
  return chained(...(strip_left ? [left] : []), ...(strip_right ? [right] : []));
}

/** The length without white space at the end, found from there: a regular expression would begin at every space of the text. */
function lengthWithoutSpaceAtEnd(text: string): number {
  let length = text.length;
  while (length > 0 && /\p{White_Space}/u.test(text.charAt(length - 1))) length--;
  return length;
}

/** Lower case, character by character, so that a sigma at the end of a word is like any other. */
function lowercase(text: string): string {
  return text.replaceAll("Σ", "σ").toLowerCase();
}

function replace(part: unknown, place: string): Normalizer {
  const { pattern: given, content } = readPart(replaceSchema, part, place);
  const pattern = readPattern(given, `${place}.pattern`);
  return ({ text, first, continues }) => {
    const start = text.search(pattern) === 0 ? (text.match(pattern)?.[0] ?? "") : undefined;
    // What is put in takes the place of the last character that it replaces.
    const keeps = start === undefined || start === "" || (content !== "" && [...start].length === 1);
    return { text: replaceMatches(text, pattern, content), first: first && keeps, continues };
  };
}

/** Control characters that SentencePiece's rules for translation remove, and what they take for spaces. */
const NMT_REMOVED = /(?![\0\t\n\f\r\u0080-\u008e\u0090-\u009e])\p{Cc}/gu;
const NMT_SPACES = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/gu;

const CONTROL = /[\0\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]/gu;
export const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;

function bert({ clean_text, handle_chinese_chars, strip_accents, lowercase: lower }: z.infer<typeof bertSchema>) {
  const spaces = mapping(replacing(/\p{White_Space}/gu, " "));
  return chained(
    ...(clean_text ? [removing(CONTROL), spaces] : []),
    ...(handle_chinese_chars ? [mapping(replacing(CHINESE, " $& "))] : []),
    ...((strip_accents ?? lower) ? [mapping((text) => text.normalize("NFD")), removing(/\p{Mn}/gu)] : []),
    ...(lower ? [mapping(lowercase)] : []),
  );
}

/** Spaces as SentencePiece's mark. */
export function replaceSpaces(text: string, mark: string): string {
  return replaceMatches(text, SPACE, mark);
}
const SPACE = literalPattern(" ");
