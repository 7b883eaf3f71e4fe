/** The elements of stored tensors: read from bytes, with floats of other widths as 32-bit ones. */

import { UserError } from "../errors.ts";
import { widenBfloat16, widenFloat16 } from "../half.ts";
import type { ReadBytes } from "./files/byte-source.ts";
import { bytesPerElement, type SafetensorsType } from "./safetensors/safetensors-header.ts";

/** A tensor in memory: `data` holds the product of `shape` elements, row by row (the last dimension varies fastest). */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | BigInt64Array;
}

/** The types that floats can be stored as. */
export type StoredFloatType = "F32" | "F16" | "BF16";

const storedFloatTypes: readonly StoredFloatType[] = ["F32", "F16", "BF16"];

/** Throws a `UserError` for a type that floats cannot be stored as, which JavaScript lets pass. */
export function requireStoredType(dtype: StoredFloatType, file: string): void {
  if (storedFloatTypes.includes(dtype)) return;
  throw new UserError(`${file}: dtype is ${JSON.stringify(dtype)}, expected one of ${storedFloatTypes.join(", ")}`);
}

/** The types that floats can be read of. */
export type ReadableFloatType = StoredFloatType | "F64";

/** The types that can be read. */
export type ReadableType = ReadableFloatType | "I32" | "I64";

/** Elements of 64-bit floats that are read at once. */
const DOUBLES_AT_ONCE = 2 ** 16;

export function isFloat(dtype: SafetensorsType): dtype is ReadableFloatType {
  return dtype === "F64" || dtype === "F32" || dtype === "F16" || dtype === "BF16";
}

export function isReadable(dtype: SafetensorsType): dtype is ReadableType {
  return isFloat(dtype) || dtype === "I32" || dtype === "I64";
}

/**
 * Reads `length` elements from byte `position` of a source on; F16 and BF16 become 32-bit floats, and F64 the nearest.
 * `found` is how many of the bytes there were.
 */
export async function readElements(
  read: ReadBytes,
  { dtype, position, length }: { readonly dtype: ReadableType; readonly position: number; readonly length: number },
): Promise<{ readonly data: StoredTensor["data"]; readonly found: number }> {
  if (dtype === "F64") return readDoubles(read, position, length);
  const data = allocate(dtype, length);
  // 16-bit floats go to the upper half of the floats' own memory and are widened in place, front to back: element i
  // of n is read at byte 2n + 2i and written at byte 4i, which is never ahead of what is still to be read.
  const bytes = bytesOf(data).subarray(data.byteLength - length * bytesPerElement(dtype));
  const found = await read(bytes, position);
  if (data instanceof Float32Array && dtype !== "F32") {
    const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, length);
    if (dtype === "F16") widenFloat16(halves, data);
    else widenBfloat16(halves, data);
  }
  return { data, found };
}

async function readDoubles(read: ReadBytes, position: number, length: number) {
  const data = new Float32Array(length);
  let found = 0;
  for (let index = 0; index < length; index += DOUBLES_AT_ONCE) {
    const doubles = new Float64Array(Math.min(DOUBLES_AT_ONCE, length - index));
    found += await read(bytesOf(doubles), position + doubles.BYTES_PER_ELEMENT * index);
    data.set(doubles, index);
  }
  return { data, found };
}

/** The bytes of elements as they lie in memory: all platforms with ONNX Runtime are little-endian. */
export function bytesOf(data: StoredTensor["data"] | Uint16Array | Float64Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function allocate(dtype: ReadableType, length: number): StoredTensor["data"] {
  if (dtype === "I32") return new Int32Array(length);
  return dtype === "I64" ? new BigInt64Array(length) : new Float32Array(length);
}
