/** Reads the checkpoints of PyTorch: zip archives since 1.6, pickles before. Storages are read by range. */

import { type FileHandle, open } from "node:fs/promises";
import { elementCount } from "../../element-count.ts";
import { UserError } from "../../errors.ts";
import { isFloat, readElements, type StoredTensor } from "../elements.ts";
import { explainFileError } from "../files/atomic.ts";
import { readAt } from "../files/file-range.ts";
import { bytesPerElement, tensorName } from "../safetensors/safetensors-header.ts";
import { listNames, type WeightFile } from "../weight-file.ts";
import { readArchiveContents } from "./pytorch-archive.ts";
import { endsEarly, type PyTorchContents } from "./pytorch-contents.ts";
import { readLegacyContents } from "./pytorch-legacy.ts";
import { containerOf } from "./pytorch-magic.ts";
import type { PyTorchTensor } from "./pytorch-objects.ts";
import { gather, isContiguous, spanOf } from "./strided.ts";

/** Elements of the largest tensor that repeats those of its storage: a small file must not ask for all memory. */
const MOST_REPEATED = 2 ** 28;

/**
 * Opens a checkpoint and reads its names and shapes. The state_dict may be the whole, or stand under `module`, `model` or
 * `state_dict`. Nothing that the file names is run.
 *
 * @throws UserError where the file cannot be read, is damaged, or holds more than tensors by name
 */
export function openPyTorch(file: string): Promise<WeightFile> {
  return openContents(file, async (handle) => {
    const container = await containerOf(handle, file);
    return container === "zip" ? readArchiveContents(handle, file) : readLegacyContents(handle, file);
  });
}

/** Opens a file of which `read` tells the tensors. Throws as `openPyTorch`. */
export async function openContents(
  file: string,
  read: (handle: FileHandle) => Promise<PyTorchContents>,
): Promise<WeightFile> {
  try {
    const handle = await open(file, "r");
    try {
      const contents = await read(handle);
      for (const [name, tensor] of contents.tensors) checkPlace(name, tensor, contents, file);
      return {
        entries: contents.tensors,
        read: async (name) => {
          try {
            return await readTensor(handle, contents, name, file);
          } catch (error) {
            throw explainFileError(error, "read", file);
          }
        },
        close: () => handle.close(),
      };
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw explainFileError(error, "read", file);
  }
}

/** Checks that a tensor lies within its storage, and the storage within its file. */
function checkPlace(name: string, tensor: PyTorchTensor, { entries }: PyTorchContents, file: string): void {
  const { storage, dtype, offset } = tensor;
  const entry = entries.get(storage.entry);
  if (entry === undefined) {
    throw new UserError(`${file}: ${tensorName(name)} is in ${storage.entry}, which is missing; copy the file again`);
  }
  const repeated = elementCount(tensor.shape) > spanOf(tensor);
  if (repeated && elementCount(tensor.shape) > MOST_REPEATED) {
    throw new UserError(`${file}: ${tensorName(name)} repeats a few elements too often; save a contiguous copy of it`);
  }
  const end = (offset + spanOf(tensor)) * bytesPerElement(dtype);
  if (!(end <= entry.size)) {
    throw new UserError(
      `${file}: ${tensorName(name)} ${dtype} [${tensor.shape.join(", ")}] ends at byte ${end} of ${storage.entry}, which has ${entry.size}; the file is damaged: copy or save it again`,
    );
  }
}

async function readTensor(
  handle: FileHandle,
  { tensors, entries }: PyTorchContents,
  name: string,
  file: string,
): Promise<StoredTensor> {
  const tensor = tensors.get(name);
  const entry = tensor === undefined ? undefined : entries.get(tensor.storage.entry);
  if (tensor === undefined || entry === undefined) {
    throw new UserError(`${file}: there is no ${tensorName(name)}; it holds ${listNames([...tensors.keys()])}`);
  }
  const { dtype, shape, offset } = tensor;
  if (!isFloat(dtype)) {
    throw new UserError(
      `${file}: ${tensorName(name)}: expected F64, F32, F16 or BF16, found ${dtype}; convert it first`,
    );
  }
  const position = entry.start + offset * bytesPerElement(dtype);
  const length = isContiguous(tensor) ? elementCount(shape) : spanOf(tensor);
  const { data, found } = await readElements((target, at) => readAt(handle, target, at), { dtype, position, length });
  if (found < length * bytesPerElement(dtype)) throw endsEarly(file, tensorName(name));
  if (!(data instanceof Float32Array)) throw new Error("internal: floats are read as floats");
  return { shape, data: isContiguous(tensor) ? data : gather(data, tensor) };
}
