/** Patterns of a tokenizer.json, literal or regular expressions, and how texts are cut at their matches. */

import { generate } from "oniguruma-parser/generator";
import type { OnigurumaAst } from "oniguruma-parser/parser";
import { toRegExpDetails } from "oniguruma-to-es";
import { z } from "zod";
import { messageOf, UserError } from "../../errors.ts";
import { exactSyntax } from "./exact-syntax.ts";
import { readPart, unsupported } from "./part.ts";

const patternSchema = z.union([z.object({ String: z.string() }), z.object({ Regex: z.string() })]);

/** What becomes of the matches when a text is cut at them. */
export const behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const;
export type Behavior = (typeof behaviors)[number];

/** The pieces of a text, none of them empty. */
export interface Cut {
  readonly pieces: string[];
  /** Whether the first piece begins where the text does. */
  readonly first: boolean;
}

/** A stretch of a text. */
interface Span {
  start: number;
  end: number;
  readonly match: boolean;
}

/** Any character: `[^]`, with the flag v, repeats only once in V8 of Node 20. */
const ANY = "[\\s\\S]";

/** Syntax that is translated to nearly the same, or whose matches depend on where a search begins. */
const INEXACT = /^\\[bByYXRKGkg\d]|^\[:|^\(\?|^\\[pP]\{\^?(?:word|alnum|graph|print|punct)\}/u;

/**
 * The global regular expression of a pattern.
 *
 * Regular expressions are written for Oniguruma, of which they are translated.
 *
 * @throws UserError for one that cannot be, or not exactly.
 */
export function readPattern(pattern: unknown, place: string): RegExp {
  const read = readPart(patternSchema, pattern, place);
  return "String" in read ? literalPattern(read.String) : translated(read.Regex, place);
}

/** A pattern as a regular expression of Oniguruma. */
export function patternSource(pattern: unknown, place: string): string {
  const read = readPart(patternSchema, pattern, place);
  return "String" in read ? read.String.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&") : read.Regex;
}

/** The global regular expression that matches a text itself. */
export function literalPattern(text: string): RegExp {
  return new RegExp(text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"), "gu");
}

/** The global regular expression that one of Oniguruma is. @throws UserError where there is none */
export function translated(source: string, place: string): RegExp {
  return expressionOf(exactPattern(source, place), source, place);
}

/** The syntax of a regular expression of Oniguruma, as it is translated. @throws UserError for one that cannot be */
export function exactPattern(source: string, place: string): OnigurumaAst {
  for (const [syntax] of source.matchAll(/\\[pP]\{[^}]*\}|\\[\s\S]|\[:|\(\?[~({]/gu)) {
    if (INEXACT.test(syntax.replace(/\{.*/u, (name) => name.toLowerCase()))) {
      throw unsupported(place, `${JSON.stringify(syntax)} in a regular expression`);
    }
  }
  try {
    return exactSyntax(source, place);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw unsupported(place, `the regular expression ${JSON.stringify(source)} (${messageOf(error)})`);
  }
}

/** The global regular expression of an exact syntax. @param source it is named by in errors */
export function expressionOf(exact: OnigurumaAst, source: string, place: string): RegExp {
  try {
    const { pattern, flags, options } = toRegExpDetails(generate(exact).pattern, {
      accuracy: "strict",
      global: true,
      target: "ES2024",
    });
    // Without a strategy it needs, a match alone is the same; what differs are the groups, which nothing asks for.
    if (options?.strategy == null) return new RegExp(pattern.replace(/(?<!\\)\[\^\]/gu, ANY), flags);
  } catch (error) {
    throw unsupported(place, `the regular expression ${JSON.stringify(source)} (${messageOf(error)})`);
  }
  throw unsupported(place, `the regular expression ${JSON.stringify(source)}`);
}

/** Replaces the matches by a text, taken as it stands. */
export function replaceMatches(text: string, pattern: RegExp, content: string): string {
  let replaced = "";
  let end = 0;
  for (const match of spansOf(text, pattern)) {
    if (!match.match) continue;
    replaced += text.slice(end, match.start) + content;
    end = match.end;
  }
  return replaced + text.slice(end);
}

/**
 * Cuts a text at the matches of a pattern.
 *
 * @param invert takes what lies between the matches for them, and the other way round.
 */
export function cut(text: string, pattern: RegExp, behavior: Behavior, invert = false): Cut {
  if (behavior === "Isolated") {
    const pieces = text.match(pattern) ?? [];
    // Most patterns of words match all of a text.
    if (pieces.reduce((sum, { length }) => sum + length, 0) === text.length) {
      return { pieces: pieces.filter((piece) => piece !== ""), first: true };
    }
  }
  const spans = spansOf(text, pattern).map((span) => (invert ? { ...span, match: !span.match } : span));
  const kept = arranged(spans, behavior).filter(({ start, end }) => end > start);
  return { pieces: kept.map(({ start, end }) => text.slice(start, end)), first: kept[0]?.start === 0 };
}

/** The matches and what lies between them, in order. */
function spansOf(text: string, pattern: RegExp): Span[] {
  const spans: Span[] = [];
  let end = 0;
  let lastMatch = -1;
  for (const { 0: match, index: start } of text.matchAll(pattern)) {
    if (match === "" && start === lastMatch) continue; // Oniguruma finds nothing empty right after a match
    if (start > end) spans.push({ start: end, end: start, match: false });
    end = start + match.length;
    lastMatch = end;
    spans.push({ start, end, match: true });
  }
  if (end < text.length) spans.push({ start: end, end: text.length, match: false });
  return spans;
}

function arranged(spans: Span[], behavior: Behavior): Span[] {
  switch (behavior) {
    case "Isolated":
      return spans;
    case "Removed":
      return spans.filter(({ match }) => !match);
    case "Contiguous":
      return joined(spans, (span, previous) => span.match === previous);
    case "MergedWithPrevious":
      return joined(spans, (span, previous) => span.match && !previous);
    case "MergedWithNext":
      return joined(spans.toReversed(), (span, previous) => span.match && !previous).reverse();
  }
}

/** Joins a span to the one before it where `joins` says so, by whether that one was a match. */
function joined(spans: Iterable<Span>, joins: (span: Span, previous: boolean) => boolean): Span[] {
  const all: Span[] = [];
  let previous = false;
  for (const span of spans) {
    const last = all.at(-1);
    if (last !== undefined && joins(span, previous)) {
      last.start = Math.min(last.start, span.start);
      last.end = Math.max(last.end, span.end);
    } else {
      all.push({ ...span });
    }
    previous = span.match;
  }
  return all;
}
