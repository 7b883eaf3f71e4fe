/** Files read whole. */

import { readFile } from "node:fs/promises";
import { explainFileError } from "./atomic.ts";

/** Throws a `UserError` where the file cannot be read. */
export async function readFileBytes(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw explainFileError(error, "read", file);
  }
}

/** The text of a file in UTF-8, whatever in it is none. Throws as `readFileBytes`. */
export async function readFileText(file: string): Promise<string> {
  return (await readFileBytes(file)).toString("utf8");
}
