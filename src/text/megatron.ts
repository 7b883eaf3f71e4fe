/**
 * Token files of Megatron-LM and GPT-NeoX: ids in a `.bin`, described by an `.idx` beside it.
 *
 * The index begins with "MMIDIDX" and two zero bytes, the version as uint64, a code for the type of the ids as uint8, and
 * the numbers S of sequences and D of document bounds as uint64. Then come the lengths of the sequences in tokens, int32 [S],
 * their offsets in the `.bin` in bytes, int64 [S], the first sequence of each document and the end of the last, int64 [D], and
 * for several modalities int8 [S]. All numbers are little-endian.
 */

import { closeSync, fstatSync } from "node:fs";
import { UserError } from "../errors.ts";
import { openForReading, readBytes, type TokenType, tokenBytes } from "./token-bytes.ts";

/** What an index tells of a `.bin`. */
export interface MegatronIndex {
  /** The name of the index. */
  readonly file: string;
  readonly dtype: TokenType;
  readonly tokens: number;
  readonly documents: number;
}

const MAGIC = "MMIDIDX\0\0";
const HEADER_BYTES = 34;

/** The types of ids by their codes; 6 and 7 are floating-point numbers. */
const types: ReadonlyMap<number, TokenType> = new Map([
  [1, "uint8"],
  [2, "int8"],
  [3, "int16"],
  [4, "int32"],
  [5, "int64"],
  [8, "uint16"],
]);

/** The name of the index of a token file. */
export function megatronIndexName(file: string): string {
  return `${file.replace(/\.bin$/, "")}.idx`;
}

/**
 * Reads the index of a token file: its header and its ends, however long it is.
 *
 * @throws UserError for an index that cannot be read, of another version or type, or that does not fit itself.
 */
export function readMegatronIndex(file: string): MegatronIndex {
  const index = megatronIndexName(file);
  const descriptor = openForReading(index);
  try {
    return parseIndex(index, fstatSync(descriptor).size, (at, length) => readBytes(index, descriptor, at, length));
  } finally {
    closeSync(descriptor);
  }
}

function parseIndex(file: string, size: number, read: (at: number, length: number) => Buffer): MegatronIndex {
  const header = read(0, Math.min(size, HEADER_BYTES));
  checkHeader(file, header);
  const dtype = types.get(header.readUInt8(17));
  if (dtype === undefined) {
    throw new UserError(
      `${file}: has ids of type ${header.readUInt8(17)}, expected whole numbers, ${[...types.keys()].join(", ")}; tokenise the text again`,
    );
  }
  const sequences = Number(header.readBigUInt64LE(18));
  const bounds = Number(header.readBigUInt64LE(26));
  if (bounds < 1) throw new UserError(`${file}: says nothing of documents, expected their bounds; make it again`);
  const whole = HEADER_BYTES + 12 * sequences + 8 * bounds;
  if (size !== whole && size !== whole + sequences) {
    throw new UserError(
      `${file}: has ${size} bytes, expected ${whole} for ${sequences} sequences and ${bounds - 1} documents; copy it again`,
    );
  }
  const offsets = HEADER_BYTES + 4 * sequences;
  const documents = offsets + 8 * sequences;
  const offsetOf = (at: number) => Number(read(at, 8).readBigInt64LE());
  const [first, last] = [offsetOf(documents), offsetOf(documents + 8 * (bounds - 1))];
  const [start, end] = sequences === 0 ? [0, 0] : [offsetOf(offsets), offsetOf(documents - 8)];
  if (first !== 0 || last !== sequences || start !== 0 || end % tokenBytes[dtype] !== 0) {
    throw new UserError(
      `${file}: its sequences do not begin at 0, or its documents do not hold them all, expected one text without gaps; make it again`,
    );
  }
  const length = sequences === 0 ? 0 : read(offsets - 4, 4).readInt32LE();
  return { file, dtype, tokens: end / tokenBytes[dtype] + length, documents: bounds - 1 };
}

function checkHeader(file: string, header: Buffer): void {
  const magic = header.toString("latin1", 0, MAGIC.length);
  if (magic.startsWith("TNTIDX")) {
    throw new UserError(`${file}: is an index of the older kind, expected a memory-mapped one; make it with mmap`);
  }
  if (magic !== MAGIC || header.length < HEADER_BYTES) {
    throw new UserError(
      `${file}: is no index of a Megatron token file, expected "MMIDIDX" at its beginning; remove it if the ids in the .bin are uint16`,
    );
  }
  const version = header.readBigUInt64LE(MAGIC.length);
  if (version !== 1n) throw new UserError(`${file}: is of version ${version}, expected version 1; convert it`);
}
