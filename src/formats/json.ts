/** JSON files, with errors that point at the fault. */

import { readFile } from "node:fs/promises";
import type { ZodType } from "zod";
import { UserError } from "../errors.ts";
import { explainFileError, writeFileAtomic } from "./atomic.ts";
import { findJsonFault } from "./json-fault.ts";

/**
 * Reads and parses the JSON file `file` and, where a `schema` is given, checks it and returns what the schema makes
 * of it.
 *
 * @throws UserError where the file cannot be read, is not JSON (with line and column) or fails the schema (with the
 * path of the first value that does).
 */
export async function readJson(file: string): Promise<unknown>;
export async function readJson<Value>(file: string, schema: ZodType<Value>): Promise<Value>;
export async function readJson(file: string, schema?: ZodType): Promise<unknown> {
  const value = parseJson(await readText(file), file);
  if (schema === undefined) return value;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  const place = first === undefined || first.path.length === 0 ? "the whole" : first.path.map(String).join(".");
  const others = result.error.issues.length - 1;
  const more = others > 0 ? ` (and ${others} more)` : "";
  const reason = (first?.message ?? "invalid").replaceAll("\n", " ");
  throw new UserError(`${file}: ${place}: ${reason}${more}; correct the file`);
}

/**
 * Writes `value` as JSON, indented by two spaces and with a newline at the end, whole or not at all. Numbers that JSON
 * lacks (NaN, infinities) become null.
 *
 * @throws UserError where the file cannot be written.
 */
export async function writeJson(file: string, value: unknown): Promise<void> {
  await writeFileAtomic(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** Parses the JSON `text` of `file`. @throws UserError with the line and column of the first fault. */
function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const before = text.slice(0, findJsonFault(text)).split("\n");
    const column = (before.at(-1) ?? "").length + 1;
    const fault = text.trim() === "" ? "the file is empty" : "this is not JSON";
    throw new UserError(`${file}:${before.length}:${column}: ${fault}; correct the file or write it again`, { cause });
  }
}

async function readText(file: string): Promise<string> {
  try {
    // Some editors begin a file with a byte order mark, which is no part of JSON.
    return (await readFile(file, "utf8")).replace(/^\uFEFF/, "");
  } catch (error) {
    throw explainFileError(error, "read", file);
  }
}
