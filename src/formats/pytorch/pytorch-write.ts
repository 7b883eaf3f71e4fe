/** Writes checkpoints that `torch.load` reads, also with `weights_only=True`: a state_dict of contiguous tensors. */

import { PassThrough, Readable } from "node:stream";
import * as yazl from "yazl";
import { elementCount } from "../../element-count.ts";
import { requireStoredType, type StoredFloatType } from "../elements.ts";
import { writeFileAtomic } from "../files/atomic.ts";
import { bytesPerElement } from "../safetensors/safetensors-header.ts";
import { checkShape, type LazyTensor, lazyBytes } from "../safetensors/safetensors-pieces.ts";
import { type PickleCode, pickledCall, pickledGlobal, pickledReference, writePickle } from "./pickle-write.ts";

const STORAGES: Readonly<Record<StoredFloatType, string>> = {
  F32: "torch.FloatStorage",
  F16: "torch.HalfStorage",
  BF16: "torch.BFloat16Storage",
};

/** The folder of the archive; PyTorch takes any. */
const ROOT = "pytorch_model";

/** The date of every entry, so that the same weights make the same file: the earliest that zip can say. */
const TIME = new Date("1980-01-01T00:00:00Z");

/**
 * Writes tensors to `file`, whole or not at all, one in memory at a time. Floats are narrowed to `dtype`, F32 by default.
 * @throws UserError where the file cannot be written, and for a tensor whose pieces do not fit its shape
 */
export async function writePyTorch(
  file: string,
  tensors: ReadonlyMap<string, LazyTensor>,
  dtype: StoredFloatType = "F32",
): Promise<void> {
  requireStoredType(dtype, file);
  for (const [name, { shape }] of tensors) checkShape(name, shape, file);
  await writeFileAtomic(file, archiveOf([...tensors], dtype, file));
}

/** The bytes of the archive, which is begun when the first of them are asked for. */
async function* archiveOf(
  tensors: readonly (readonly [string, LazyTensor])[],
  dtype: StoredFloatType,
  file: string,
): AsyncGenerator<Uint8Array> {
  const archive = new yazl.ZipFile();
  const { outputStream } = archive;
  if (!(outputStream instanceof PassThrough)) throw new Error("internal: yazl gives another stream than it did");
  const fail = (error: Error) => outputStream.destroy(error);
  archive.on("error", fail);
  const options = { compress: false, mtime: TIME, forceDosTimestamp: true };
  const addBuffer = (name: string, content: Uint8Array) =>
    archive.addBuffer(Buffer.from(content), `${ROOT}/${name}`, options);
  addBuffer("data.pkl", writePickle(stateDict(tensors, dtype)));
  addBuffer("byteorder", Buffer.from("little"));
  for (const [index, [name, tensor]] of tensors.entries()) {
    const size = elementCount(tensor.shape) * bytesPerElement(dtype);
    archive.addReadStreamLazy(`${ROOT}/data/${index}`, { ...options, size }, (add) =>
      add(null, Readable.from(lazyBytes(name, tensor, dtype, file)).on("error", fail)),
    );
  }
  addBuffer("version", Buffer.from("3\n"));
  archive.end();
  yield* outputStream;
}

/** Tensors by name, each the whole of a storage of its own, which has its index as key. */
function stateDict(tensors: readonly (readonly [string, LazyTensor])[], dtype: StoredFloatType) {
  return Object.fromEntries(tensors.map(([name, { shape }], index) => [name, rebuilt(shape, String(index), dtype)]));
}

function rebuilt(shape: readonly number[], key: string, dtype: StoredFloatType): PickleCode {
  const storage = pickledReference(["storage", pickledGlobal(STORAGES[dtype]), key, "cpu", elementCount(shape)]);
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  // The last two say that it needs no gradient, and has no hooks.
  const args = [storage, 0, shape, strides, false, pickledCall("collections.OrderedDict", [])];
  return pickledCall("torch._utils._rebuild_tensor_v2", args);
}
