/**
 * Checkpoints of PyTorch since 1.6: a zip archive with a pickle, `data.pkl`, of names and shapes, and one stored file for
 * each storage. Source: `torch/serialization.py`.
 */

import type { FileHandle } from "node:fs/promises";
import { UserError } from "../../errors.ts";
import { readAt } from "../files/file-range.ts";
import { readZipDirectory, type ZipEntry } from "../files/zip.ts";
import { hasForeignObjects } from "./deepspeed.ts";
import { PickleNothing, readPickle } from "./pickle.ts";
import { endsEarly, LARGEST_PICKLE, type PyTorchContents } from "./pytorch-contents.ts";
import { globals, stateDictOf, storageOf } from "./pytorch-objects.ts";

/** @throws UserError where the archive is damaged, or none of PyTorch's */
export async function readArchiveContents(handle: FileHandle, file: string): Promise<PyTorchContents> {
  const { value, entries } = await readArchive(handle, file);
  return { tensors: stateDictOf(value, file), entries };
}

/** What an archive holds, whatever that is, and where its storages are. Throws as `readArchiveContents`. */
export async function readArchive(
  handle: FileHandle,
  file: string,
): Promise<Pick<PyTorchContents, "entries"> & { readonly value: unknown }> {
  const entries = await readZipDirectory(handle, file);
  const root = rootOf(entries, file);
  const order = entries.get(`${root}byteorder`);
  if (order !== undefined && Buffer.from(await bytesOfEntry(handle, order, file)).toString() !== "little") {
    throw new UserError(`${file}: was written on a big-endian machine; save it again on a little-endian one`);
  }
  const pickle = entries.get(`${root}data.pkl`);
  if (pickle === undefined) throw new Error("internal: the root has no data.pkl");
  const value = readPickle(await bytesOfEntry(handle, pickle, file), {
    file,
    globals: globals(file),
    // DeepSpeed keeps its own objects beside the weights, under another name.
    ...(hasForeignObjects(file) && { other: new PickleNothing() }),
    persistent: (id) => storageOf(id, root, file),
  });
  return { value, entries };
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
