/** JSON texts, with errors that point at the fault. */

import type { ZodType } from "zod";
import { UserError } from "../../errors.ts";
import { checkPlainly } from "../../plain-words.ts";
import { KIND_BYTES, otherKindOf } from "../files/file-kind.ts";
import { findJsonFault } from "./json-fault.ts";

/**
 * Parses the text of the JSON file `file` and, where a `schema` is given, checks it and returns what the schema makes
 * of it.
 *
 * @throws UserError where it is not JSON (with line and column) or fails the schema (with the path of the first value
 * that does).
 */
export function parseJson(text: string, file: string): unknown;
export function parseJson<Value>(text: string, file: string, schema: ZodType<Value>): Value;
export function parseJson(text: string, file: string, schema?: ZodType): unknown {
  const value = parsed(text, file);
  return schema === undefined ? value : checkJson(value, file, schema);
}

/** What a schema makes of a value that a file holds. Throws a `UserError` as `parseJson` does. */
export function checkJson<Value>(value: unknown, file: string, schema: ZodType<Value>): Value {
  const result = checkPlainly(schema, value);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  const place = first === undefined || first.path.length === 0 ? "the whole" : first.path.map(String).join(".");
  const others = result.error.issues.length - 1;
  const more = others > 0 ? ` (and ${others} more)` : "";
  const reason = (first?.message ?? "invalid").replaceAll("\n", " ");
  // A reason may say itself how to mend it.
  const remedy = reason.includes("; ") ? "" : "; correct the file";
  throw new UserError(`${file}: ${place}: ${reason}${more}${remedy}`);
}

/** JSON indented by two spaces, with a newline at the end. Numbers that JSON lacks (NaN, infinities) become null. */
export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Whether two values are the same JSON, whatever the order of their keys. Keys that are undefined do not count. */
export function sameJson(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string | undefined {
  return JSON.stringify(value, (_, item: unknown) => {
    const isObject = typeof item === "object" && item !== null && !Array.isArray(item);
    return isObject ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1))) : item;
  });
}

function parsed(content: string, file: string): unknown {
  // Some editors begin a file with a byte order mark, which is no part of JSON.
  const text = content.replace(/^\uFEFF/, "");
  try {
    return JSON.parse(text);
  } catch (cause) {
    const kind = otherKindOf(new TextEncoder().encode(text.slice(0, KIND_BYTES)));
    if (kind !== undefined) throw new UserError(`${file}: ${kind}`, { cause });
    const before = text.slice(0, findJsonFault(text)).split("\n");
    const column = (before.at(-1) ?? "").length + 1;
    const fault = text.trim() === "" ? "the file is empty" : "this is not JSON";
    throw new UserError(`${file}:${before.length}:${column}: ${fault}; correct the file or write it again`, { cause });
  }
}
