/** The bytes of safetensors files, made without a second copy of the tensors in memory, or tensor by tensor. */

import { elementCount } from "../../element-count.ts";
import { UserError } from "../../errors.ts";
import { narrowToBfloat16, narrowToFloat16 } from "../../half.ts";
import { bytesOf, requireStoredType, type StoredFloatType, type StoredTensor } from "../elements.ts";
import {
  bytesPerElement,
  checkTensorName,
  formatHeader,
  type SafetensorsType,
  type TensorEntry,
  tensorName,
} from "./safetensors-header.ts";

/** A tensor of floats that comes to be when it is written, in pieces from its first element to its last. */
export interface LazyTensor {
  readonly shape: readonly number[];
  pieces(): AsyncIterable<Float32Array>;
}

export interface WriteSafetensorsOptions {
  /** Free text to store beside the tensors; none by default. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** How to store floats: rounded to the nearest, ties to even; by default F32, exactly. */
  readonly dtype?: StoredFloatType;
}

/** Elements per write, narrowed or as they are. */
const PIECE_ELEMENTS = 2 ** 20;

/**
 * The bytes of a file, piece by piece: 64-bit types first, then 32-bit, then 16-bit, each sorted by name, so that every
 * tensor is aligned to its own size.
 *
 * @param file what messages call it.
 * @throws UserError at once for what no such file can hold: data that does not fit its shape or is of another class, a name that
 * comes twice, and where `metadata` or `dtype` is none.
 */
export function safetensorsPieces(
  tensors: Iterable<readonly [string, StoredTensor | LazyTensor]>,
  file: string,
  options: WriteSafetensorsOptions = {},
): AsyncGenerator<Uint8Array> {
  const { metadata = {}, dtype = "F32" } = options;
  requireStoredType(dtype, file);
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text === "string") continue;
    throw new UserError(`${file}: the metadata ${JSON.stringify(key)} is ${JSON.stringify(text)}, expected text`);
  }
  const ordered = orderTensors(tensors, dtype, file);
  const entries = new Map<string, TensorEntry>();
  let begin = 0;
  for (const { name, type, tensor } of ordered) {
    const end = begin + elementCount(tensor.shape) * bytesPerElement(type);
    entries.set(name, { dtype: type, shape: tensor.shape, begin, end });
    begin = end;
  }
  return pieces(formatHeader({ entries, metadata }), ordered, file);
}

interface TensorToWrite {
  readonly name: string;
  readonly type: SafetensorsType;
  readonly tensor: StoredTensor | LazyTensor;
}

function orderTensors(
  tensors: Iterable<readonly [string, StoredTensor | LazyTensor]>,
  floatType: StoredFloatType,
  file: string,
): TensorToWrite[] {
  const byName = new Map<string, TensorToWrite>();
  for (const [name, tensor] of tensors) {
    checkTensorName(name, file);
    if (byName.has(name)) throw new UserError(`${file}: ${tensorName(name)} is given twice; rename one`);
    checkShape(name, tensor.shape, file);
    if ("data" in tensor) {
      requireClass(name, tensor.data, [Float32Array, Int32Array, BigInt64Array], file);
      checkLength(name, tensor.shape, tensor.data.length, file);
    }
    byName.set(name, { name, type: storedType(tensor, floatType), tensor });
  }
  return [...byName.values()].sort(
    (one, other) => bytesPerElement(other.type) - bytesPerElement(one.type) || (one.name < other.name ? -1 : 1),
  );
}

/** @throws UserError where the sizes of a tensor are not whole numbers from 0 */
export function checkShape(name: string, shape: readonly number[], file: string): void {
  if (shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return;
  throw new UserError(
    `${file}: ${tensorName(name)} has the shape [${shape.join(", ")}], expected whole numbers from 0`,
  );
}

/** Throws a `UserError` for data of a class that cannot be stored, which JavaScript lets pass: its bytes would be read as another's. */
function requireClass(
  name: string,
  data: StoredTensor["data"],
  classes: readonly (new (length: number) => StoredTensor["data"])[],
  file: string,
): void {
  if (classes.some((one) => data instanceof one)) return;
  const expected = classes.map((one) => one.name).join(", ");
  throw new UserError(
    `${file}: ${tensorName(name)} has data of the class ${data.constructor.name}, expected one of ${expected}; convert it`,
  );
}

function checkLength(name: string, shape: readonly number[], length: number, file: string): void {
  const expected = elementCount(shape);
  if (length === expected) return;
  const what = `${tensorName(name)}: expected ${expected} elements for shape [${shape.join(", ")}]`;
  throw new UserError(`${file}: ${what}, found ${length}; correct the shape or the data`);
}

function storedType(tensor: StoredTensor | LazyTensor, floatType: StoredFloatType): SafetensorsType {
  if (!("data" in tensor) || tensor.data instanceof Float32Array) return floatType;
  return tensor.data instanceof Int32Array ? "I32" : "I64";
}

/** The file's bytes, piece by piece. */
async function* pieces(
  header: Uint8Array,
  tensors: readonly TensorToWrite[],
  file: string,
): AsyncGenerator<Uint8Array> {
  yield header;
  for (const { name, type, tensor } of tensors) {
    if ("data" in tensor) yield* storedBytes(tensor.data, type);
    else yield* lazyBytes(name, tensor, type, file);
  }
}

/** The bytes of a tensor that comes to be now. Throws a `UserError` where it does not come as it should. */
export async function* lazyBytes(
  name: string,
  tensor: LazyTensor,
  type: SafetensorsType,
  file: string,
): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const data of tensor.pieces()) {
    requireClass(name, data, [Float32Array], file);
    yield* storedBytes(data, type);
    length += data.length;
  }
  checkLength(name, tensor.shape, length, file);
}

/** The bytes of a tensor's elements, piece by piece; floats narrowed to `type`. */
function* storedBytes(data: StoredTensor["data"], type: SafetensorsType): Generator<Uint8Array> {
  const narrow = type === "F16" ? narrowToFloat16 : narrowToBfloat16;
  for (let index = 0; index < data.length; index += PIECE_ELEMENTS) {
    const piece = data.subarray(index, index + PIECE_ELEMENTS);
    yield bytesOf(piece instanceof Float32Array && type !== "F32" ? narrow(piece) : piece);
  }
}
