import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { messageOf, UserError } from "../errors.ts";
import { explainFileError } from "../formats/files/atomic.ts";
import { hasCode } from "../formats/files/error-code.ts";
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
      throw new UserError(`${file}: is too long, expected at most 512 MiB of text; give a shorter one`);
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
  if (!isUtf8(bytes)) throw notUtf8(file, invalidByte(bytes));
  const text = new TextDecoder().decode(bytes);
  if (text === "") throw isEmpty(file);
  return text;
}

/** Bytes that are read at once. */
const CHUNK = 2 ** 20;

/**
 * The text of a UTF-8 file as `readText` gives it, in pieces of whole characters, so that it may be larger than memory. A name that
 * ends in `.gz` is that of a compressed one.
 *
 * @param onRead called with the number of bytes of the file that were read since the last time.
 * @throws UserError for a file that is missing, a folder, empty or not UTF-8, or damaged.
 */
export async function* readTextPieces(file: string, onRead?: (bytes: number) => void): AsyncGenerator<string> {
  let position = 0;
  let length = 0;
  let tail: Uint8Array = new Uint8Array();
  for await (const chunk of chunksOf(file, onRead)) {
    const bytes = tail.length === 0 ? chunk : Buffer.concat([tail, chunk]);
    const end = bytes.length - unfinishedBytes(bytes);
    const whole = bytes.subarray(0, end);
    if (!isUtf8(whole)) throw notUtf8(file, position + invalidByte(bytes));
    // A byte order mark is one at the beginning only.
    const text = new TextDecoder("utf-8", { ignoreBOM: position > 0 }).decode(whole);
    tail = bytes.subarray(end);
    position += end;
    length += text.length;
    if (text !== "") yield text;
  }
  if (tail.length > 0) throw notUtf8(file, position + invalidByte(tail));
  if (length === 0) throw isEmpty(file);
}

/** The bytes of a file, decompressed where its name says that they are not as they were. */
async function* chunksOf(file: string, onRead: (bytes: number) => void = () => undefined): AsyncGenerator<Buffer> {
  const stored = createReadStream(file, { highWaterMark: CHUNK });
  stored.on("data", (chunk) => onRead(chunk.length));
  const stream: Readable = file.endsWith(".gz") ? stored.pipe(createGunzip({ chunkSize: CHUNK })) : stored;
  stored.on("error", (error) => stream.destroy(error));
  try {
    for await (const chunk of stream) {
      if (!(chunk instanceof Buffer)) throw new Error("internal: a file comes in bytes");
      yield chunk;
    }
  } catch (error) {
    if (hasCode(error, "Z_DATA_ERROR") || hasCode(error, "Z_BUF_ERROR")) {
      throw new UserError(`${file}: is no whole gzip file (${messageOf(error)}); compress it again`);
    }
    throw explainFileError(error, "read", file);
  } finally {
    stored.destroy();
  }
}

/** How many bytes at the end are the beginning of a character, as far as that can be told from its first byte. */
function unfinishedBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
  }
  return 0;
}

const notUtf8 = (file: string, offset: number) =>
  new UserError(`${file}: is not UTF-8 at byte ${offset}, expected a text file in UTF-8; convert it to UTF-8`);

const isEmpty = (file: string) => new UserError(`${file}: is empty, expected a text; name a file with text`);

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
