import { isUtf8 } from "node:buffer";
import { readFile, stat } from "node:fs/promises";
import { UserError } from "../errors.ts";
import { explainFileError } from "../formats/files/atomic.ts";
import { LONGEST_TEXT } from "./corpus.ts";

/**
 * The text of a UTF-8 file, without a byte order mark. Line ends stay as they are.
 *
 * @throws UserError for a file that is missing, a folder, empty, too long (512 MiB) or not UTF-8.
 */
export async function readText(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    if ((await stat(file)).size > LONGEST_TEXT) {
      throw new UserError(
        `${file}: is too long, expected at most 512 MiB of text; split it into several, and make token files of those with: tokenformer tokenize`,
      );
    }
    bytes = await readFile(file);
  } catch (error) {
    throw explainFileError(error, "read", file);
  }
  return decodeText(bytes, file);
}

/**
 * The text that bytes are in UTF-8, without a byte order mark. Throws a `UserError` where they are none.
 * @param file what messages call them
 */
export function decodeText(bytes: Uint8Array, file: string): string {
  if (!isUtf8(bytes)) {
    throw new UserError(
      `${file}: is not UTF-8 at byte ${invalidByte(bytes)}, expected a text file in UTF-8; convert it to UTF-8`,
    );
  }
  const text = new TextDecoder().decode(bytes);
  if (text === "") {
    throw new UserError(`${file}: is empty, expected a text; name a file with text`);
  }
  return text;
}

/** The offset of the first byte that no UTF-8 text could have there; the length where the text ends too early. */
function invalidByte(bytes: Uint8Array): number {
  // Whether a prefix has such a byte is monotone in its length, so that halving finds the shortest.
  let valid = 0;
  let invalid = bytes.length + 1;
  while (invalid - valid > 1) {
    const middle = Math.floor((valid + invalid) / 2);
    if (isPrefixOfText(bytes.subarray(0, middle))) {
      valid = middle;
    } else {
      invalid = middle;
    }
  }
  return valid;
}

function isPrefixOfText(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
