/** Reading safetensors: the header at once, tensors one by one. */

import { elementCount } from "../../element-count.ts";
import { UserError } from "../../errors.ts";
import { isReadable, readElements, type StoredTensor } from "../elements.ts";
import type { ByteSource } from "../files/byte-source.ts";
import { KIND_BYTES, otherKindOf } from "../files/file-kind.ts";
import { listNames, type WeightFile } from "../weight-file.ts";
import {
  bytesPerElement,
  damaged,
  LENGTH_BYTES,
  parseHeader,
  parseHeaderLength,
  type SafetensorsHeader,
  tensorName,
} from "./safetensors-header.ts";

/** An open file: its header is read and checked, its tensors are read on demand. Close it after use. */
export interface SafetensorsFile extends SafetensorsHeader, WeightFile {
  readonly entries: SafetensorsHeader["entries"];
}

/**
 * Reads the header of a source, which is closed with the file, or at once where that fails.
 *
 * @throws UserError where the header does not fit the size.
 */
export async function openSafetensorsIn(source: ByteSource): Promise<SafetensorsFile> {
  const { name: file, size, read } = source;
  try {
    const start = new Uint8Array(LENGTH_BYTES);
    await read(start.subarray(0, size), 0);
    const headerBytes = new Uint8Array(await headerLength(source, start));
    await read(headerBytes, LENGTH_BYTES);
    const dataStart = LENGTH_BYTES + headerBytes.length;
    const header = parseHeader(headerBytes, size - dataStart, file);
    return { ...header, read: (name) => readTensor(source, header, name, dataStart), close: () => source.close() };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** The header's length by the first bytes; where these cannot be it, what the file seems to be. */
async function headerLength({ name: file, size, read }: ByteSource, start: Uint8Array): Promise<number> {
  try {
    return parseHeaderLength(start, size, file);
  } catch (error) {
    const more = new Uint8Array(Math.min(size, KIND_BYTES));
    await read(more, 0);
    const kind = otherKindOf(more);
    throw kind === undefined ? error : new UserError(`${file}: ${kind}`);
  }
}

async function readTensor(
  { name: file, read }: ByteSource,
  { entries }: SafetensorsHeader,
  name: string,
  dataStart: number,
): Promise<StoredTensor> {
  const entry = entries.get(name);
  if (entry === undefined) {
    throw new UserError(`${file}: there is no ${tensorName(name)}; it holds ${listNames([...entries.keys()])}`);
  }
  const { dtype, shape, begin } = entry;
  if (!isReadable(dtype)) {
    throw new UserError(
      `${file}: ${tensorName(name)}: expected F64, F32, F16, BF16, I32 or I64, found ${dtype}; convert it first`,
    );
  }
  const length = elementCount(shape);
  const { data, found } = await readElements(read, { dtype, position: dataStart + begin, length });
  const expected = length * bytesPerElement(dtype);
  if (found < expected) throw damaged(file, `${tensorName(name)}: expected ${expected} bytes, found ${found}`);
  return { shape, data };
}
