/** JSON files, with errors that point at the fault. */

import type { ZodType } from "zod";
import { writeFileAtomic } from "../files/atomic.ts";
import { readFileText } from "../files/read-file.ts";
import { formatJson, parseJson } from "./json-text.ts";

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
  const text = await readFileText(file);
  return schema === undefined ? parseJson(text, file) : parseJson(text, file, schema);
}

/**
 * Writes `value` as JSON, indented by two spaces and with a newline at the end, whole or not at all. Numbers that JSON
 * lacks (NaN, infinities) become null.
 *
 * @throws UserError where the file cannot be written.
 */
export async function writeJson(file: string, value: unknown): Promise<void> {
  await writeFileAtomic(file, formatJson(value));
}
