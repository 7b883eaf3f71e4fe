/** JSON Lines: a JSON value a line, with errors that name the line. */

import type { ZodType } from "zod";
import { UserError } from "../../errors.ts";
import { checkPlainly } from "../../plain-words.ts";
import { findJsonFault } from "./json-fault.ts";

/** A value and the line, counted from 1, that it stands in. */
export interface JsonLine {
  readonly value: unknown;
  readonly line: number;
}

/** Parses the text of a file. Empty lines are passed over. @throws UserError with the line and column of the first fault */
export function parseJsonLines(text: string, file: string): JsonLine[] {
  return text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .flatMap((content, index) => (content.trim() === "" ? [] : [parseJsonLine(content, file, index + 1)]));
}

/** A line's value as a schema makes it. @throws UserError with the line and the first key that is wrong */
export function checkJsonLine<Value>({ value, line }: JsonLine, file: string, schema: ZodType<Value>): Value {
  const result = checkPlainly(schema, value);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  const key = first?.path.map(String).join(".") ?? "";
  const place = key === "" ? "" : `${key}: `;
  throw new UserError(`${file}:${line}: ${place}${first?.message ?? "invalid"}; correct the line`);
}

/** Parses one line, counted from 1. @throws UserError with the line and column of its fault */
export function parseJsonLine(content: string, file: string, line: number): JsonLine {
  try {
    return { value: JSON.parse(content), line };
  } catch (cause) {
    const column = findJsonFault(content) + 1;
    throw new UserError(`${file}:${line}:${column}: this is not JSON; expected one JSON object a line`, { cause });
  }
}
