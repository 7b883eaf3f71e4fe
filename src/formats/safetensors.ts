/** Tensors in safetensors files, read whole or one by one. */

import { type FileHandle, open } from "node:fs/promises";
import { UserError } from "../errors.ts";
import { explainFileError } from "./atomic.ts";
import { isReadable, readElements, type StoredTensor } from "./elements.ts";
import { readAt } from "./file-range.ts";
import {
  bytesPerElement,
  damaged,
  elementCount,
  LENGTH_BYTES,
  parseHeader,
  parseHeaderLength,
  type SafetensorsHeader,
  tensorName,
} from "./safetensors-header.ts";
import { listNames, type WeightFile } from "./weight-file.ts";

/** An open file: its header is read and checked, its tensors are read on demand. Close it after use. */
export interface SafetensorsFile extends SafetensorsHeader, WeightFile {
  readonly entries: SafetensorsHeader["entries"];
}

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
  const { dtype, shape, begin } = entry;
  if (!isReadable(dtype)) {
    throw new UserError(
      `${file}: ${tensorName(name)}: expected F32, F16, BF16, I32 or I64, found ${dtype}; convert it first`,
    );
  }
  const length = elementCount(shape);
  const { data, found } = await readElements(handle, { dtype, position: dataStart + begin, length });
  const expected = length * bytesPerElement(dtype);
  if (found < expected) throw damaged(file, `${tensorName(name)}: expected ${expected} bytes, found ${found}`);
  return { shape, data };
}

async function explained<Result>(file: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    throw explainFileError(error, "read", file);
  }
}
