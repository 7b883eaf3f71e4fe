/** Reading parts of files. */

import { type FileHandle, open } from "node:fs/promises";
import { explainFileError } from "./atomic.ts";
import type { ByteSource } from "./byte-source.ts";

/** Bytes per read: one system call moves less than 2 GiB. */
const PIECE_BYTES = 2 ** 26;

/** Fills `target` from byte `position` of the file on; returns how many bytes there were. */
export async function readAt(handle: FileHandle, target: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < target.length) {
    const piece = target.subarray(done, done + PIECE_BYTES);
    const { bytesRead } = await handle.read(piece, 0, piece.length, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Opens a file to be read by range. Throws a `UserError` where that cannot be, and so do its reads. */
export async function openFile(file: string): Promise<ByteSource> {
  const handle = await explained(file, () => open(file, "r"));
  try {
    const { size } = await explained(file, () => handle.stat());
    return sourceOf(handle, file, size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The bytes of a file that is open. @param file what messages call it. */
export function sourceOf(handle: FileHandle, file: string, size: number): ByteSource {
  const read: ByteSource["read"] = (target, position) => explained(file, () => readAt(handle, target, position));
  return { name: file, size, read, close: () => handle.close() };
}

async function explained<Result>(file: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    throw explainFileError(error, "read", file);
  }
}
