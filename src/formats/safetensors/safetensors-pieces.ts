/** The bytes of safetensors files, made without a second copy of the tensors in memory, or tensor by tensor. */

import { elementCount } from "../../element-count.ts";
import { UserError } from "../../errors.ts";
import { narrowToBfloat16, narrowToFloat16 } from "../../half.ts";
import { bytesOf, type StoredFloatType, type StoredTensor } from "../elements.ts";
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
 * @throws UserError at once where a tensor's data does not fit its shape or a name comes twice.
 */
export function safetensorsPieces(
  tensors: Iterable<readonly [string, StoredTensor | LazyTensor]>,
  file: string,
  options: WriteSafetensorsOptions = {},
): AsyncGenerator<Uint8Array> {
  const { metadata = {}, dtype = "F32" } = options;
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
    if ("data" in tensor) checkLength(name, tensor.shape, tensor.data.length, file);
    byName.set(name, { name, type: storedType(tensor, floatType), tensor });
  }
  return [...byName.values()].sort(
    (one, other) => bytesPerElement(other.type) - bytesPerElement(one.type) || (one.name < other.name ? -1 : 1),
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
    let length = 0;
    for await (const data of "data" in tensor ? [tensor.data] : tensor.pieces()) {
      yield* storedBytes(data, type);
      length += data.length;
    }
    checkLength(name, tensor.shape, length, file);
  }
}

/** The bytes of a tensor's elements, piece by piece; floats narrowed to `type`. */
export function* storedBytes(data: StoredTensor["data"], type: SafetensorsType): Generator<Uint8Array> {
  const narrow = type === "F16" ? narrowToFloat16 : narrowToBfloat16;
  for (let index = 0; index < data.length; index += PIECE_ELEMENTS) {
    const piece = data.subarray(index, index + PIECE_ELEMENTS);
    yield bytesOf(piece instanceof Float32Array && type !== "F32" ? narrow(piece) : piece);
  }
}
