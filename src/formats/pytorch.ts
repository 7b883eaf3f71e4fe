/**
 * Reads the checkpoints of PyTorch since 1.6: a zip archive with a pickle, `data.pkl`, of names and shapes, and one stored
 * file for each storage, which is read by range. Source: `torch/serialization.py`.
 */

import { type FileHandle, open } from "node:fs/promises";
import { UserError } from "../errors.ts";
import { explainFileError } from "./atomic.ts";
import { isFloat, readElements, type StoredTensor } from "./elements.ts";
import { readAt } from "./file-range.ts";
import { readPickle } from "./pickle.ts";
import { checkPyTorchMagic } from "./pytorch-magic.ts";
import { globals, type PyTorchTensor, stateDictOf, storageOf } from "./pytorch-objects.ts";
import { bytesPerElement, elementCount, tensorName } from "./safetensors-header.ts";
import { gather, isContiguous, spanOf } from "./strided.ts";
import { listNames, type WeightFile } from "./weight-file.ts";
import { readZipDirectory, type ZipEntry } from "./zip.ts";

/** The largest pickle that is read: names, shapes and numbers, but no weights. */
const LARGEST_PICKLE = 2 ** 28;

/** Elements of the largest tensor that repeats those of its storage: a small file must not ask for all memory. */
const MOST_REPEATED = 2 ** 28;

/**
 * Opens a checkpoint and reads its names and shapes. The state_dict may be the whole, or stand under `module`, `model` or
 * `state_dict`. Nothing that the file names is run.
 *
 * @throws UserError where the file cannot be read, is damaged, or holds more than tensors by name
 */
export async function openPyTorch(file: string): Promise<WeightFile> {
  try {
    const handle = await open(file, "r");
    try {
      await checkPyTorchMagic(handle, file);
      const archive = await readZipDirectory(handle, file);
      const tensors = await readStateDict(handle, archive, file);
      return {
        entries: tensors,
        read: async (name) => {
          try {
            return await readTensor(handle, archive, tensors, name, file);
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

/** The archive's tensors by name, each within its storage. */
async function readStateDict(
  handle: FileHandle,
  archive: ReadonlyMap<string, ZipEntry>,
  file: string,
): Promise<Map<string, PyTorchTensor>> {
  const root = rootOf(archive, file);
  const order = archive.get(`${root}byteorder`);
  if (order !== undefined && Buffer.from(await bytesOfEntry(handle, order, file)).toString() !== "little") {
    throw new UserError(`${file}: was written on a big-endian machine; save it again on a little-endian one`);
  }
  const pickle = archive.get(`${root}data.pkl`);
  if (pickle === undefined) throw new Error("internal: the root has no data.pkl");
  const value = readPickle(await bytesOfEntry(handle, pickle, file), {
    file,
    globals: globals(file),
    persistent: (id) => storageOf(id, root, file),
  });
  const tensors = stateDictOf(value, file);
  for (const [name, tensor] of tensors) checkPlace(name, tensor, archive, file);
  return tensors;
}

/** The folder of the archive that holds all of it, with a slash at its end. */
function rootOf(archive: ReadonlyMap<string, ZipEntry>, file: string): string {
  for (const name of archive.keys()) {
    const root = /^([^/]+\/)data\.pkl$/.exec(name)?.[1];
    if (root !== undefined) return root;
  }
  throw new UserError(
    `${file}: is a zip archive without a data.pkl, expected one that torch.save wrote; name the file of weights itself`,
  );
}

async function bytesOfEntry(handle: FileHandle, { start, size }: ZipEntry, file: string): Promise<Uint8Array> {
  if (size > LARGEST_PICKLE) {
    throw new UserError(
      `${file}: its pickle has ${size} bytes, expected at most ${LARGEST_PICKLE}; save tensors alone`,
    );
  }
  const bytes = new Uint8Array(size);
  if ((await readAt(handle, bytes, start)) < size) throw endsEarly(file, "its pickle");
  return bytes;
}

/** Checks that a tensor lies within its storage, and the storage within its file. */
function checkPlace(name: string, tensor: PyTorchTensor, archive: ReadonlyMap<string, ZipEntry>, file: string): void {
  const { storage, dtype, offset } = tensor;
  const entry = archive.get(storage.entry);
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
  archive: ReadonlyMap<string, ZipEntry>,
  tensors: ReadonlyMap<string, PyTorchTensor>,
  name: string,
  file: string,
): Promise<StoredTensor> {
  const tensor = tensors.get(name);
  const entry = tensor === undefined ? undefined : archive.get(tensor.storage.entry);
  if (tensor === undefined || entry === undefined) {
    throw new UserError(`${file}: there is no ${tensorName(name)}; it holds ${listNames([...tensors.keys()])}`);
  }
  const { dtype, shape, offset } = tensor;
  if (!isFloat(dtype)) {
    throw new UserError(`${file}: ${tensorName(name)}: expected F32, F16 or BF16, found ${dtype}; convert it first`);
  }
  const position = entry.start + offset * bytesPerElement(dtype);
  const length = isContiguous(tensor) ? elementCount(shape) : spanOf(tensor);
  const { data, found } = await readElements((target, at) => readAt(handle, target, at), { dtype, position, length });
  if (found < length * bytesPerElement(dtype)) throw endsEarly(file, tensorName(name));
  if (!(data instanceof Float32Array)) throw new Error("internal: floats are read as floats");
  return { shape, data: isContiguous(tensor) ? data : gather(data, tensor) };
}

function endsEarly(file: string, what: string): UserError {
  return new UserError(`${file}: ends within ${what}; the file is cut short: copy it again`);
}
