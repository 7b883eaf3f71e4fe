/** Tensors in safetensors files: read whole or one by one, and written without a second copy in memory. */

import { type FileHandle, open } from "node:fs/promises";
import { UserError } from "../errors.ts";
import { explainFileError, writeFileAtomic } from "./atomic.ts";
import { narrowToBfloat16, narrowToFloat16, widenBfloat16, widenFloat16 } from "./half.ts";
import {
  bytesPerElement,
  checkTensorName,
  damaged,
  elementCount,
  formatHeader,
  LENGTH_BYTES,
  parseHeader,
  parseHeaderLength,
  type SafetensorsHeader,
  type SafetensorsType,
  type TensorEntry,
  tensorName,
} from "./safetensors-header.ts";

/** A tensor in memory: `data` holds the product of `shape` elements, row by row (the last dimension varies fastest). */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | BigInt64Array;
}

/** The types that floats can be stored as. */
export type StoredFloatType = "F32" | "F16" | "BF16";

/** An open file: its header is read and checked, its tensors are read on demand. Close it after use. */
export interface SafetensorsFile extends SafetensorsHeader {
  /**
   * Reads one tensor; F16 and BF16 are widened to 32-bit floats. Reads may overlap in time.
   *
   * @throws UserError where there is no such tensor, its type cannot be read or the file ends early.
   */
  read(name: string): Promise<StoredTensor>;
  close(): Promise<void>;
}

export interface WriteSafetensorsOptions {
  /** Free text to store beside the tensors; none by default. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** How to store floats: rounded to the nearest, ties to even; by default F32, exactly. */
  readonly dtype?: StoredFloatType;
}

/** Bytes per read: one system call moves less than 2 GiB. */
const PIECE_BYTES = 2 ** 26;

/** Elements per write, narrowed or as they are. */
const PIECE_ELEMENTS = 2 ** 20;

/**
 * Reads every tensor of `file`, in the order of their data; F16 and BF16 are widened to 32-bit floats.
 *
 * @throws UserError where the file cannot be read, is damaged or holds a type that cannot be read.
 */
export async function readSafetensors(
  file: string,
): Promise<{ tensors: Map<string, StoredTensor>; metadata: Record<string, string> }> {
  const opened = await openSafetensors(file);
  try {
    const tensors = new Map<string, StoredTensor>();
    for (const name of opened.entries.keys()) tensors.set(name, await opened.read(name));
    return { tensors, metadata: opened.metadata };
  } finally {
    await opened.close();
  }
}

/**
 * Opens `file` and reads its header only.
 *
 * @throws UserError where the file cannot be read or its header does not fit its size.
 */
export async function openSafetensors(file: string): Promise<SafetensorsFile> {
  const handle = await explained(file, () => open(file, "r"));
  try {
    const { size } = await handle.stat();
    const start = new Uint8Array(LENGTH_BYTES);
    await readAt(handle, start.subarray(0, size), 0);
    const headerBytes = new Uint8Array(parseHeaderLength(start, size, file));
    await readAt(handle, headerBytes, LENGTH_BYTES);
    const dataStart = LENGTH_BYTES + headerBytes.length;
    const header = parseHeader(headerBytes, size - dataStart, file);
    return {
      ...header,
      read: (name) => explained(file, () => readTensor(handle, header, name, dataStart, file)),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw explainFileError(error, "read", file);
  }
}

/**
 * Writes tensors to `file`, whole or not at all; 64-bit types first, then 32-bit, then 16-bit, each sorted by name, so
 * that every tensor is aligned to its own size.
 *
 * @throws UserError where a tensor's data does not fit its shape, a name comes twice or the file cannot be written.
 */
export async function writeSafetensors(
  file: string,
  tensors: Iterable<readonly [string, StoredTensor]>,
  options: WriteSafetensorsOptions = {},
): Promise<void> {
  const { metadata = {}, dtype = "F32" } = options;
  const ordered = orderTensors(tensors, dtype, file);
  const entries = new Map<string, TensorEntry>();
  let begin = 0;
  for (const { name, type, tensor } of ordered) {
    const end = begin + tensor.data.length * bytesPerElement(type);
    entries.set(name, { dtype: type, shape: tensor.shape, begin, end });
    begin = end;
  }
  await writeFileAtomic(file, pieces(formatHeader({ entries, metadata }), ordered));
}

interface TensorToWrite {
  readonly name: string;
  readonly type: SafetensorsType;
  readonly tensor: StoredTensor;
}

function orderTensors(
  tensors: Iterable<readonly [string, StoredTensor]>,
  floatType: StoredFloatType,
  file: string,
): TensorToWrite[] {
  const byName = new Map<string, TensorToWrite>();
  for (const [name, tensor] of tensors) {
    checkTensorName(name, file);
    if (byName.has(name)) throw new UserError(`${file}: ${tensorName(name)} is given twice; rename one`);
    const expected = elementCount(tensor.shape);
    if (tensor.data.length !== expected) {
      const what = `${tensorName(name)}: expected ${expected} elements for shape [${tensor.shape.join(", ")}]`;
      throw new UserError(`${file}: ${what}, found ${tensor.data.length}; correct the shape or the data`);
    }
    byName.set(name, { name, type: storedType(tensor.data, floatType), tensor });
  }
  return [...byName.values()].sort(
    (one, other) => bytesPerElement(other.type) - bytesPerElement(one.type) || (one.name < other.name ? -1 : 1),
  );
}

function storedType(data: StoredTensor["data"], floatType: StoredFloatType): SafetensorsType {
  if (data instanceof Float32Array) return floatType;
  return data instanceof Int32Array ? "I32" : "I64";
}

/** The file's bytes, piece by piece. Memory is taken as it is: Node's platforms with ONNX Runtime are little-endian. */
function* pieces(header: Uint8Array, tensors: readonly TensorToWrite[]): Generator<Uint8Array> {
  yield header;
  for (const { type, tensor } of tensors) {
    const { data } = tensor;
    const narrow = type === "F16" ? narrowToFloat16 : narrowToBfloat16;
    for (let index = 0; index < data.length; index += PIECE_ELEMENTS) {
      const piece = data.subarray(index, index + PIECE_ELEMENTS);
      yield bytesOf(piece instanceof Float32Array && type !== "F32" ? narrow(piece) : piece);
    }
  }
}

function bytesOf(data: StoredTensor["data"] | Uint16Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

async function readTensor(
  handle: FileHandle,
  { entries }: SafetensorsHeader,
  name: string,
  dataStart: number,
  file: string,
): Promise<StoredTensor> {
  const entry = entries.get(name);
  if (entry === undefined) {
    throw new UserError(`${file}: there is no ${tensorName(name)}; it holds ${listNames([...entries.keys()])}`);
  }
  const { dtype, shape, begin, end } = entry;
  const data = allocate(dtype, elementCount(shape), name, file);
  // 16-bit floats go to the upper half of the floats' own memory and are widened in place, front to back: element i
  // of n is read at byte 2n + 2i and written at byte 4i, which is never ahead of what is still to be read.
  const bytes = bytesOf(data).subarray(data.byteLength - (end - begin));
  const found = await readAt(handle, bytes, dataStart + begin);
  if (found < bytes.length) {
    throw damaged(file, `${tensorName(name)}: expected ${bytes.length} bytes, found ${found}`);
  }
  if (data instanceof Float32Array && dtype !== "F32") {
    const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, data.length);
    if (dtype === "F16") widenFloat16(halves, data);
    else widenBfloat16(halves, data);
  }
  return { shape, data };
}

function allocate(dtype: SafetensorsType, length: number, name: string, file: string): StoredTensor["data"] {
  switch (dtype) {
    case "F32":
    case "F16":
    case "BF16":
      return new Float32Array(length);
    case "I32":
      return new Int32Array(length);
    case "I64":
      return new BigInt64Array(length);
    default:
      throw new UserError(
        `${file}: ${tensorName(name)}: expected F32, F16, BF16, I32 or I64, found ${dtype}; convert it first`,
      );
  }
}

/** Fills `target` from byte `position` of the file on; returns how many bytes there were. */
async function readAt(handle: FileHandle, target: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < target.length) {
    const piece = target.subarray(done, done + PIECE_BYTES);
    const { bytesRead } = await handle.read(piece, 0, piece.length, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

function listNames(names: readonly string[]): string {
  if (names.length === 0) return "no tensors";
  const shown = names.slice(0, 5).join(", ");
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

async function explained<Result>(file: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    throw explainFileError(error, "read", file);
  }
}
