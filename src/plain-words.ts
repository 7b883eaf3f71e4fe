/** What a schema says of a value that does not fit, in plain words: what is there, and what is expected. */

import type { ZodType, z } from "zod";

/** Checks a value. The messages of issues read after the path of the value: "is 0, expected a number above 0". */
export function checkPlainly<Output>(schema: ZodType<Output>, value: unknown): z.ZodSafeParseResult<Output> {
  return schema.safeParse(value, { error: inPlainWords });
}

/** A message for an issue that a schema has none of its own for. */
function inPlainWords(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "unrecognized_keys") {
    return `unknown key${issue.keys.length === 1 ? "" : "s"} ${issue.keys.map((key) => JSON.stringify(key)).join(", ")}`;
  }
  const expected = expectedOf(issue);
  if (expected === undefined) return undefined;
  return `${issue.input === undefined ? "is missing" : `is ${told(issue.input)}`}, expected ${expected}`;
}

/** What is known of an issue, whether it has its message or not. */
type Known = z.core.$ZodRawIssue | z.core.$ZodIssue;

function expectedOf(issue: Known): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return kinds[issue.expected] ?? `a value of type ${issue.expected}`;
    case "too_small": {
      const bound = `${issue.inclusive === false ? "above" : "at least"} ${issue.minimum}`;
      return bounded(issue.origin, bound, issue.minimum);
    }
    case "too_big": {
      const bound = `${issue.inclusive === false ? "below" : "at most"} ${issue.maximum}`;
      return bounded(issue.origin, bound, issue.maximum);
    }
    case "not_multiple_of":
      return `a multiple of ${issue.divisor}`;
    case "invalid_value":
      return listed(issue.values.map(told));
    case "invalid_union":
      return expectedOfAny(issue.errors);
    default:
      return undefined;
  }
}

/** What any of a union's members expects; those of one type are told apart by a key's value, which is told. */
function expectedOfAny(members: readonly (readonly z.core.$ZodIssue[])[]): string | undefined {
  const expected = members.flatMap(([first]) => (first && first.path.length === 0 ? (expectedOf(first) ?? []) : []));
  return expected.length === 0 ? undefined : listed([...new Set(expected)]);
}

const kinds: Readonly<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  int: "a whole number",
  nan: "NaN",
  nonoptional: "a value",
  null: "null",
  number: "a number",
  object: "an object",
  record: "an object",
  string: "a text",
  tuple: "a list",
};

/** What is measured of a kind of value. */
function bounded(kind: string, bound: string, limit: number | bigint): string {
  const plural = Number(limit) === 1 ? "" : "s";
  if (kind === "string") return `a text of ${bound} character${plural}`;
  if (kind === "array" || kind === "set") return `a list of ${bound} element${plural}`;
  return `a number ${/^at/.test(bound) ? "of " : ""}${bound}`;
}

function listed(items: readonly string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} or ${items.at(-1)}`;
}

/** The most characters of a value that are told. */
const LONGEST = 60;

function told(value: unknown): string {
  const text = beginningOf(value, LONGEST);
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`;
}

/** A value as JSON, or a beginning of that longer than `room`: what a pickle shares with itself has no end that could be waited for. */
function beginningOf(value: unknown, room: number): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, Math.max(0, room) + 1));
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? typeof value;
  if (ArrayBuffer.isView(value)) return `bytes of ${value.byteLength}`;
  const isList = Array.isArray(value);
  let text = isList ? "[" : "{";
  for (const key of Object.keys(value)) {
    if (text.length > room) return text;
    text += `${text.length === 1 ? "" : ","}${isList ? "" : `${JSON.stringify(key)}:`}`;
    text += beginningOf(Reflect.get(value, key), room - text.length);
  }
  return `${text}${isList ? "]" : "}"}`;
}
