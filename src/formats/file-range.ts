/** Reading parts of files. */

import type { FileHandle } from "node:fs/promises";

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
