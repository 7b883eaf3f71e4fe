/** Zip archives whose entries are read by range. */

import { type FileHandle, open } from "node:fs/promises";
import * as yauzl from "yauzl";
import { messageOf, UserError } from "../../errors.ts";
import { explainFileError } from "./atomic.ts";
import { readAt } from "./file-range.ts";

/** Where the bytes of an entry are in the archive. */
export interface ZipEntry {
  readonly start: number;
  readonly size: number;
}

/** Zip's number for a file that is stored as it is. */
const STORED = 0;

/**
 * The entries of a zip archive by name, in its order, also beyond 4 GiB (zip64).
 * @param file its name, for messages
 * @throws UserError where it is no sound archive, or an entry is compressed, encrypted or there twice
 */
export async function readZipDirectory(handle: FileHandle, file: string): Promise<Map<string, ZipEntry>> {
  const entries = new Map<string, ZipEntry>();
  try {
    const { size } = await handle.stat();
    const options = { autoClose: false, lazyEntries: true };
    const archive = await yauzl.fromRandomAccessReaderPromise(new HandleReader(handle, size), size, options);
    for await (const entry of archive.eachEntry()) {
      if (entries.has(entry.fileName)) throw unusable(file, `has two entries ${entry.fileName}`);
      entries.set(entry.fileName, await placeOf(archive, entry, file));
    }
  } catch (error) {
    const explained = explainFileError(error, "read", file);
    throw explained instanceof UserError ? explained : unusable(file, messageOf(error));
  }
  return entries;
}

/** The files of a zip archive that has them as they are, by name. Throws a `UserError` as `readZipDirectory` does. */
export async function readZip(file: string): Promise<Map<string, Uint8Array>> {
  let handle: FileHandle;
  try {
    handle = await open(file, "r");
  } catch (error) {
    throw explainFileError(error, "read", file);
  }
  try {
    const files = new Map<string, Uint8Array>();
    for (const [name, { start, size }] of await readZipDirectory(handle, file)) {
      const bytes = new Uint8Array(size);
      if ((await readAt(handle, bytes, start)) < size) throw unusable(file, "it ends early");
      files.set(name, bytes);
    }
    return files;
  } finally {
    await handle.close();
  }
}

/**
 * Reads for yauzl from a file that stays open. Its own reader throws, where nobody can catch it, for a damaged archive
 * with a position beyond what a file can have (yauzl 3.4).
 */
class HandleReader extends yauzl.RandomAccessReader {
  readonly #handle: FileHandle;
  readonly #size: number;

  constructor(handle: FileHandle, size: number) {
    super();
    this.#handle = handle;
    this.#size = size;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    if (!(position >= 0 && position + length <= this.#size)) {
      callback(new Error("it ends early"));
      return;
    }
    readAt(this.#handle, buffer.subarray(offset, offset + length), position)
      .then((found) => callback(found < length ? new Error("it ends early") : null))
      .catch(callback);
  }
}

async function placeOf(archive: yauzl.ZipFile, entry: yauzl.Entry, file: string): Promise<ZipEntry> {
  if (entry.isEncrypted() || entry.compressionMethod !== STORED) {
    throw unusable(file, `has ${entry.fileName} compressed or encrypted, expected it stored as it is`);
  }
  const { fileDataStart } = await archive.readLocalFileHeaderPromise(entry, { minimal: true });
  return { start: fileDataStart, size: entry.uncompressedSize };
}

function unusable(file: string, reason: string): UserError {
  return new UserError(
    `${file}: as a zip archive it cannot be read (${reason.replaceAll("\n", " ")}); it is damaged or cut short: copy it again`,
  );
}
