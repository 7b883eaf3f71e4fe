/**
 * The header of a safetensors file: what it may say, and the checks that make its numbers safe to use.
 *
 * Layout of a file: the header's length N as 8 bytes, little-endian; N bytes of JSON, an object of tensor name ->
 * `{ dtype, shape, data_offsets: [begin, end] }` and `__metadata__` -> object of strings, padded with spaces; then the
 * tensors' little-endian data, row by row, without gaps. Offsets count from the first byte after the header.
 */

import { z } from "zod";
import { elementCount } from "../../element-count.ts";
import { UserError } from "../../errors.ts";
import { checkPlainly } from "../../plain-words.ts";

/** Bits per element of every type that the format knows. */
const BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** An element type of the format. F32, F16, BF16, I32 and I64 can be read and written, F64 read, the others only listed. */
export type SafetensorsType = keyof typeof BITS;

/** What the header says of one tensor; `begin` and `end` are bytes from the first byte after the header. */
export interface TensorEntry {
  readonly dtype: SafetensorsType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** A checked header; the entries stand in the order of their data. */
export interface SafetensorsHeader {
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Record<string, string>;
}

/** The bytes before the header's JSON, which hold its length. */
export const LENGTH_BYTES = 8;

/** The largest header that the format allows, in bytes. */
const LARGEST_HEADER = 100_000_000;

const METADATA = "__metadata__";

const count = z.int().nonnegative();
const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(count),
  data_offsets: z.tuple([count, count]),
});

/** Bytes per element of `dtype`; a fraction for the types below 8 bits. */
export function bytesPerElement(dtype: SafetensorsType): number {
  return BITS[dtype] / 8;
}

/**
 * The header's length in bytes, from the first 8 bytes of `file`, which is `fileSize` bytes long.
 *
 * @throws UserError where the file cannot hold such a header.
 */
export function parseHeaderLength(start: Uint8Array, fileSize: number, file: string): number {
  if (fileSize < LENGTH_BYTES) {
    throw damaged(file, `expected at least ${LENGTH_BYTES} bytes, found ${fileSize}`);
  }
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  if (length > BigInt(LARGEST_HEADER)) {
    throw damaged(file, `expected a header of at most ${LARGEST_HEADER} bytes, found one of ${length}`);
  }
  if (length > BigInt(fileSize - LENGTH_BYTES)) {
    throw damaged(file, `expected a header of ${length} bytes, found ${fileSize - LENGTH_BYTES}`);
  }
  return Number(length);
}

/**
 * Parses and checks the header's JSON, `bytes`, of `file`, which holds `dataSize` bytes of data after it.
 *
 * @throws UserError where it is not such JSON, or the tensors do not fill the data without gap and overlap.
 */
export function parseHeader(bytes: Uint8Array, dataSize: number, file: string): SafetensorsHeader {
  const { text, value } = parseJsonObject(bytes, file);
  const names = new Set<string>();
  for (const name of topLevelKeys(text)) {
    if (names.has(name)) throw damaged(file, `${quote(name)} is named twice in the header`);
    names.add(name);
  }
  let metadata: Record<string, string> = {};
  const entries: [string, TensorEntry][] = [];
  for (const [name, item] of Object.entries(value)) {
    if (name === METADATA) {
      metadata = parseMetadata(item, file);
    } else {
      entries.push([name, parseEntry(name, item, file)]);
    }
  }
  entries.sort(([, one], [, other]) => one.begin - other.begin || one.end - other.end);
  checkLayout(entries, dataSize, file);
  return { entries: new Map(entries), metadata };
}

/** The bytes before the data: length and JSON, padded with spaces so that the data begins at a multiple of 8. */
export function formatHeader({ entries, metadata }: SafetensorsHeader): Uint8Array {
  const items: [string, unknown][] = Object.keys(metadata).length === 0 ? [] : [[METADATA, metadata]];
  for (const [name, { dtype, shape, begin, end }] of entries) {
    items.push([name, { dtype, shape, data_offsets: [begin, end] }]);
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(items)));
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(LENGTH_BYTES + length).fill(" ".charCodeAt(0));
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, LENGTH_BYTES);
  return bytes;
}

/** @throws UserError where `name` cannot be a tensor's. */
export function checkTensorName(name: string, file: string): void {
  if (name === METADATA) throw new UserError(`${file}: no tensor may be named ${METADATA}; rename it`);
}

/** The error for a file that is not what the format says, for a `reason` such as `expected 8 bytes, found 7`. */
export function damaged(file: string, reason: string): UserError {
  return new UserError(`${file}: ${reason}; the file is damaged or no safetensors file: copy or write it again`);
}

/** How messages name a tensor. */
export function tensorName(name: string): string {
  return `tensor ${quote(name)}`;
}

function quote(name: string): string {
  return JSON.stringify(name);
}

function isKnownType(dtype: string): dtype is SafetensorsType {
  return Object.hasOwn(BITS, dtype);
}

function parseJsonObject(bytes: Uint8Array, file: string): { text: string; value: object } {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return { text, value };
  } catch {
    // Bad UTF-8 and bad JSON alike: said below.
  }
  throw damaged(file, `expected a header of ${bytes.length} bytes that is a JSON object, found something else`);
}

/** The keys of the outermost object of `json`, which is sound JSON; `JSON.parse` would hide a key named twice. */
function topLevelKeys(json: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  let inString = false;
  let start = 0;
  let end = 0;
  for (const { 0: token, index } of json.matchAll(/\\.|["{}[\]:]/g)) {
    if (token === '"') {
      if (inString) end = index + 1;
      else start = index;
      inString = !inString;
    } else if (inString) {
      // An escape, or a sign that is only text here.
    } else if (token === "{" || token === "[") {
      depth += 1;
    } else if (token === "}" || token === "]") {
      depth -= 1;
    } else if (depth === 1) {
      keys.push(String(JSON.parse(json.slice(start, end))));
    }
  }
  return keys;
}

function isJsonObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The metadata, checked by hand, as a schema would lose the key `__proto__`. */
function parseMetadata(item: unknown, file: string): Record<string, string> {
  if (!isJsonObject(item)) throw damaged(file, `${METADATA}: expected an object, found ${JSON.stringify(item)}`);
  const pairs: [string, string][] = [];
  for (const [key, value] of Object.entries(item)) {
    if (typeof value !== "string") {
      throw damaged(file, `${METADATA}: expected text for ${quote(key)}, found ${JSON.stringify(value)}`);
    }
    pairs.push([key, value]);
  }
  return Object.fromEntries(pairs);
}

function parseEntry(name: string, item: unknown, file: string): TensorEntry {
  const result = checkPlainly(entrySchema, item);
  if (!result.success) {
    const [issue] = result.error.issues;
    const reason = [...(issue?.path ?? []), issue?.message ?? "invalid"].map(String).join(": ");
    throw damaged(file, `${tensorName(name)}: ${reason}`);
  }
  const { dtype, shape, data_offsets } = result.data;
  const [begin, end] = data_offsets;
  if (!isKnownType(dtype)) throw damaged(file, `${tensorName(name)}: expected a known type, found ${quote(dtype)}`);
  const expected = elementCount(shape) * bytesPerElement(dtype);
  if (end - begin !== expected) {
    const what = `${tensorName(name)}: expected ${expected} bytes for ${dtype} [${shape.join(", ")}]`;
    throw damaged(file, `${what}, found ${end - begin} (bytes ${begin} to ${end})`);
  }
  return { dtype, shape, begin, end };
}

/** Checks that the tensors, in the order of their data, lie end to end and fill the data. */
function checkLayout(entries: readonly [string, TensorEntry][], dataSize: number, file: string): void {
  let position = 0;
  for (const [name, { begin, end }] of entries) {
    if (begin !== position) {
      const problem = begin < position ? "overlaps the one before" : "leaves a hole before it";
      throw damaged(file, `${tensorName(name)} ${problem}: expected it to begin at byte ${position}, found ${begin}`);
    }
    if (end > dataSize) {
      throw damaged(file, `${tensorName(name)}: expected data up to byte ${end}, found ${dataSize} bytes in all`);
    }
    position = end;
  }
  if (position !== dataSize) {
    throw damaged(file, `expected ${position} bytes of data, found ${dataSize}`);
  }
}
