/**
 * Where texts can be divided so that the tokens of the parts are those of the whole: before white space that follows a letter, a digit or
 * a mark of punctuation, where nothing of the tokenizer reaches from one side to the other.
 *
 * Each stage of the tokenizer is asked in turn, with what stands on both sides of the place as the stages before have left it.
 */

import { z } from "zod";
import type { Boundary } from "../pieces.ts";
import { WORD } from "../word.ts";
import type { AddedToken, AddedTokens } from "./added-tokens.ts";
import type { Model } from "./model.ts";
import { bertSchema, CHINESE, normalizersOf, replaceSchema, toByteCharacters } from "./normalizers.ts";
import { readPart, type StagePart, typeOf } from "./part.ts";
import type { Behavior } from "./pattern.ts";
import { type PatternShape, shapeOf } from "./pattern-shape.ts";
import {
  byteLevelSchema,
  delimiterSchema,
  digitsSchema,
  metaspaceSchema,
  NUMBER,
  PUNCTUATION,
  preTokenizersOf,
  punctuationSchema,
  SPACE,
  splitSchema,
  WORDS_OR_MARKS,
} from "./pre-tokenizers.ts";
import { readPrecompiled } from "./precompiled.ts";

/** A place to divide a text, as a stage finds it. */
interface Place {
  /** What has to precede it in the text as it is: regular expressions that look back. What precedes it ends with a solid character. */
  readonly behind: readonly string[];
  /** The characters with which what follows it may begin. */
  readonly next: readonly string[];
  /** Whether pieces end there in any case. */
  readonly isDivided: boolean;
}

/** Gives the place as it is for the next stage, or nothing where the stage reaches over it. */
type Pass = (place: Place) => Place | undefined;

/**
 * Solid characters: whatever normalizers do, something of them remains that is neither white space nor a mark upon it. Those that are left
 * out are written with a space and such a mark.
 */
const SOLID =
  "(?<=[\\p{Lu}\\p{Ll}\\p{Lt}\\p{Lo}\\p{Nd}\\p{Po}\\p{Pe}\\p{Pf}])(?<![\\u2017\\u203E\\uFB50-\\uFDFF\\uFE49-\\uFE4C\\uFE70-\\uFEFF])";

/** The white space before which texts are divided. */
const WHITE_SPACE = ["\n", "\r", " "];

/** What stands for it at later stages and is not changed by Unicode's normalization, whatever stands beside. */
const STABLE = /^[\n\r \u2581]$/u;

/** What is in a tokenizer.json beside its model and its decoder. */
export interface EncodingParts {
  readonly normalizer: unknown;
  readonly preTokenizer: unknown;
  readonly added: AddedTokens;
  readonly model: Model;
}

/** Where the texts of a tokenizer can be divided. */
export function boundaryOf(parts: EncodingParts): Boundary {
  const stages = stagesOf(parts);
  const places: string[] = [];
  let reached = 0;
  for (const character of WHITE_SPACE) {
    let place: Place | undefined = { behind: [SOLID], next: [character], isDivided: false };
    for (const [index, { pass }] of stages.entries()) {
      reached = Math.max(reached, index);
      place = pass(place);
      if (place === undefined) break;
    }
    if (place !== undefined) places.push(`${place.behind.join("")}(?=${character})`);
  }
  return places.length > 0
    ? new RegExp(places.join("|"), "gu")
    : { because: `the tokenizer's ${stages[reached]?.name} may depend on all of a text` };
}

function stagesOf({ normalizer, preTokenizer, added, model }: EncodingParts): { name: string; pass: Pass }[] {
  const normalizers = normalizer == null ? [] : normalizersOf(normalizer, "normalizer");
  const preTokenizers = preTokenizer == null ? [] : preTokenizersOf(preTokenizer, "pre_tokenizer");
  return [
    { name: "added_tokens", pass: (place) => pastTokensInTexts(place, added.inTexts) },
    ...normalizers.map((stage, index) => ({
      name: named(stage),
      pass: (place: Place) =>
        pastNormalizer(place, stage, normalizers.slice(0, index), index === normalizers.length - 1),
    })),
    { name: "added_tokens", pass: (place) => pastTokensInNormalizedTexts(place, added.inNormalizedTexts) },
    ...preTokenizers.map((stage) => ({
      name: named(stage),
      pass: (place: Place) => (place.isDivided ? place : pastPreTokenizer(place, stage)),
    })),
    {
      name: "model",
      pass: (place) =>
        place.isDivided || place.next.every((character) => model.dividesBefore?.(character)) ? place : undefined,
    },
  ];
}

const named = ({ part, place }: StagePart): string => `${place} (${typeOf(part, place)})`;

/** Whether a text has white space after something else within. */
const reachesOver = (content: string, next: string): boolean =>
  [...content].some(
    (character, index) => character === next && !/^[\p{White_Space}\u2581]?$/u.test(content.charAt(index - 1)),
  );

function pastTokensInTexts(place: Place, tokens: readonly AddedToken[]): Place | undefined {
  const hinders = place.next.some((next) =>
    tokens.some(({ content, single_word }) => reachesOver(content, next) || (single_word && content.startsWith(next))),
  );
  if (hinders) return undefined;
  // Behind a token a text begins anew, and some take the white space that follows.
  const ends = [...new Set(tokens.flatMap(({ content }) => Array.from(content).at(-1) ?? []))];
  const behind = ends.map((end) => `(?<!${escaped(end)})`);
  return { ...place, behind: [...place.behind, ...behind] };
}

const escaped = (character: string): string => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;

function pastTokensInNormalizedTexts(place: Place, tokens: readonly AddedToken[]): Place | undefined {
  const hinders = tokens.some(
    ({ content, single_word, rstrip }) =>
      single_word || rstrip || place.next.some((next) => reachesOver(content, next)),
  );
  return hinders ? undefined : place;
}

function pastNormalizer(
  place: Place,
  { part, place: where }: StagePart,
  before: readonly StagePart[],
  isLast: boolean,
): Place | undefined {
  const type = typeOf(part, where);
  switch (type) {
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return place.next.every((next) => STABLE.test(next)) ? place : undefined;
    case "Lowercase":
    case "StripAccents":
    case "Strip":
    case "Prepend":
      return place;
    case "Nmt":
      return { ...place, next: [" "] };
    case "BertNormalizer": {
      if (before.length > 0) return undefined;
      const { clean_text, handle_chinese_chars } = readPart(bertSchema, part, where);
      return {
        ...place,
        behind: [...place.behind, ...(handle_chinese_chars ? [`(?<!${CHINESE.source})`] : [])],
        next: clean_text ? [" "] : place.next,
      };
    }
    case "ByteLevel":
      return isLast ? { ...place, next: place.next.map(firstByte) } : undefined;
    case "Precompiled":
      return pastPrecompiled(place, part, where, before);
    case "Replace":
      return pastReplacing(place, part, where);
    default:
      return undefined;
  }
}

const firstByte = (character: string): string => toByteCharacters(character).charAt(0);

function pastReplacing(place: Place, part: unknown, where: string): Place | undefined {
  const { pattern, content } = readPart(replaceSchema, part, where);
  const shape = shapeOf(pattern, `${where}.pattern`);
  if (shape === undefined || place.next.some((next) => shape.goesOnTo(next))) return undefined;
  if (shape.canHaveSolid() && !new RegExp(`${SOLID}$`, "u").test(content)) return undefined;
  const [replacement] = content;
  const next = new Set<string>();
  for (const character of place.next) {
    if (!shape.alwaysBeginsWith(character)) next.add(character);
    if (!shape.canBeginWith(character)) continue;
    if (replacement === undefined) return undefined;
    next.add(replacement);
  }
  return { ...place, next: [...next] };
}

/** Characters that are one for themselves to readers, whatever of their like stands beside; the second may end a line. */
const ALONE = [
  "[!-~\\p{Script=Han}\\u3001-\\u3003\\u3041-\\u3096\\u30A1-\\u30FA\\uFF01-\\uFF5E]",
  "[!-~\\u3001-\\u3003\\u3041-\\u3096\\u30A1-\\u30FA\\uFF01-\\uFF5E]",
];
/** Those of them that other normalizers leave as they are, but for their case. */
const PLAIN = ["[0-9A-Za-z]", "[0-9A-Za-z]"];

/** At ends of lines alone: elsewhere, some characters are one with the space behind them. */
function pastPrecompiled(
  { behind, next, isDivided }: Place,
  part: unknown,
  where: string,
  before: readonly StagePart[],
): Place | undefined {
  if (next.some((character) => !/[\n\r]/.test(character)) || !before.every(leavesPlain)) return undefined;
  const normalize = readPrecompiled(part, where);
  const [precedes, ends] = before.length === 0 ? ALONE : PLAIN;
  const isEnd = new RegExp(`${ends}${SOLID}`, "u");
  for (let unit = 0; unit < 0x10000; unit++) {
    const character = String.fromCharCode(unit);
    if (isEnd.test(character) && !/[^\p{White_Space}\p{M}\u2581]$/u.test(normalize(character))) return undefined;
  }
  const after = next.flatMap((character) => (character === "\r" ? ["\r", "\r\n"] : [character])).map(normalize);
  if (after.includes("")) return undefined;
  return {
    behind: [...behind, `(?<=${precedes}${ends})`],
    next: [...new Set(after.map((text) => text.charAt(0)))],
    isDivided,
  };
}

const literalReplacement = z.looseObject({ pattern: z.object({ String: z.string().regex(/^[^0-9A-Za-z]+$/) }) });
const KEEPS_PLAIN = ["NFC", "NFD", "NFKC", "NFKD", "StripAccents", "Lowercase", "Nmt"];

function leavesPlain({ part, place }: StagePart): boolean {
  const type = typeOf(part, place);
  return KEEPS_PLAIN.includes(type) || (type === "Replace" && literalReplacement.safeParse(part).success);
}

function pastPreTokenizer(place: Place, { part, place: where }: StagePart): Place | undefined {
  const type = typeOf(part, where);
  const at = (pattern: unknown, behavior: Behavior, invert = false) =>
    pastCuts(place, shapeOf(pattern, where), behavior, invert);
  switch (type) {
    case "ByteLevel": {
      const { add_prefix_space, use_regex } = readPart(byteLevelSchema, part, where);
      if (add_prefix_space && place.next.some((next) => next !== " ")) return undefined;
      const words = use_regex ? at({ Regex: WORD.source }, "Isolated") : place;
      return words && { ...words, next: words.next.map(firstByte) };
    }
    case "Metaspace":
      return pastMetaspace(place, part, where);
    case "Split": {
      const { pattern, behavior, invert } = readPart(splitSchema, part, where);
      return at(pattern, behavior, invert);
    }
    case "Whitespace":
      return at({ Regex: WORDS_OR_MARKS.source }, "Removed", true);
    case "WhitespaceSplit":
      return at({ Regex: SPACE.source }, "Removed");
    case "BertPreTokenizer": {
      const words = at({ Regex: SPACE.source }, "Removed");
      return words && pastCuts(words, shapeOf({ Regex: PUNCTUATION.source }, where), "Isolated");
    }
    case "Punctuation":
      return at({ Regex: PUNCTUATION.source }, readPart(punctuationSchema, part, where).behavior);
    case "Digits": {
      const { individual_digits } = readPart(digitsSchema, part, where);
      return at({ Regex: NUMBER.source }, individual_digits ? "Isolated" : "Contiguous");
    }
    case "CharDelimiterSplit":
      return at({ String: readPart(delimiterSchema, part, where).delimiter }, "Removed");
    default:
      return undefined;
  }
}

function pastMetaspace(place: Place, part: unknown, where: string): Place | undefined {
  const { replacement, prepend_scheme, split } = readPart(metaspaceSchema, part, where);
  const next = place.next.map((character) => (character === " " ? replacement : character));
  if (prepend_scheme === "always" && next.some((character) => character !== replacement)) return undefined;
  const marked = { ...place, next };
  return split === false ? marked : pastCuts(marked, shapeOf({ String: replacement }, where), "MergedWithNext");
}

/** Past a cut at the matches of a pattern: pieces end at the place, or both sides belong to what is between two matches. */
function pastCuts(
  place: Place,
  shape: PatternShape | undefined,
  behavior: Behavior,
  invert = false,
): Place | undefined {
  if (place.isDivided) return place;
  if (shape === undefined || place.next.some((next) => shape.goesOnTo(next))) return undefined;
  const canHave = place.next.some((next) => shape.canHave(next));
  const isDivided = place.next.every((next) => shape.alwaysBeginsWith(next));
  switch (behavior) {
    case "Isolated":
    case "Removed":
      return { ...place, isDivided };
    case "Contiguous":
      if (!canHave) return place;
      return isDivided && !shape.canHaveSolid() ? { ...place, isDivided } : undefined;
    case "MergedWithPrevious":
      return canHave || invert ? undefined : place;
    case "MergedWithNext":
      if (invert) return undefined;
      if (isDivided) return { ...place, isDivided };
      return canHave || shape.canHaveSolid() ? undefined : place;
  }
}
