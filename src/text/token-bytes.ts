/** Token ids as they are stored in files: little-endian integers, read by range. */

import { openSync, readSync } from "node:fs";
import { endianness } from "node:os";
import { UserError } from "../errors.ts";
import { explainFileError } from "../formats/files/atomic.ts";

/** How an id is stored. */
export type TokenType = "uint8" | "int8" | "uint16" | "int16" | "int32" | "uint32" | "int64";

/** Bytes of an id. */
export const tokenBytes: Readonly<Record<TokenType, number>> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
};

/** Opens a file for reading. Throws a `UserError` where that cannot be. */
export function openForReading(file: string): number {
  try {
    return openSync(file, "r");
  } catch (error) {
    throw explainFileError(error, "read", file);
  }
}

/** Reads `length` bytes from byte `position` of an open file on. */
export function readBytes(file: string, descriptor: number, position: number, length: number): Buffer<ArrayBuffer> {
  const bytes = Buffer.from(new ArrayBuffer(length));
  for (let done = 0; done < length; ) {
    const read = readSync(descriptor, bytes, done, length - done, position + done);
    if (read === 0) {
      throw new UserError(`${file}: became shorter while it was read, expected it to stay as it was; start again`);
    }
    done += read;
  }
  return bytes;
}

/** The ids in bytes as they are stored; a negative one becomes one that no vocabulary has. Changes the bytes. */
export function decodeIds(bytes: Buffer<ArrayBuffer>, type: TokenType): Uint32Array {
  swapUnlessLittleEndian(bytes, tokenBytes[type]);
  const { buffer } = bytes;
  switch (type) {
    case "uint8":
      return new Uint32Array(bytes);
    case "int8":
      return new Uint32Array(new Int8Array(buffer));
    case "uint16":
      return new Uint32Array(new Uint16Array(buffer));
    case "int16":
      return new Uint32Array(new Int16Array(buffer));
    case "int32":
    case "uint32":
      return new Uint32Array(buffer);
    case "int64":
      return Uint32Array.from(new BigUint64Array(buffer), (id) => Math.min(Number(id), 2 ** 32 - 1));
  }
}

/** Ids as bytes to be stored. */
export function encodeIds(ids: Uint32Array, type: "uint16" | "uint32"): Buffer {
  const stored = type === "uint16" ? new Uint16Array(ids) : new Uint32Array(ids);
  const bytes = Buffer.from(stored.buffer);
  swapUnlessLittleEndian(bytes, tokenBytes[type]);
  return bytes;
}

/** Turns numbers of `width` bytes from little-endian to the order of this machine, or back. */
function swapUnlessLittleEndian(bytes: Buffer, width: number): void {
  if (endianness() === "LE") return;
  if (width === 2) bytes.swap16();
  if (width === 4) bytes.swap32();
  if (width === 8) bytes.swap64();
}
