/**
 * Checkpoints of PyTorch before 1.6, which it still writes on request: five pickles one after another (a magic number, a
 * version, facts of the machine, the checkpoint, the keys of its storages), then each storage with its number of elements
 * before it. Source: `_legacy_save` in `torch/serialization.py`.
 */

import type { FileHandle } from "node:fs/promises";
import { z } from "zod";
import { UserError } from "../../errors.ts";
import { readAt } from "../files/file-range.ts";
import { bytesPerElement } from "../safetensors/safetensors-header.ts";
import { type PickleContext, PickleList, readPickles } from "./pickle.ts";
import { endsEarly, LARGEST_PICKLE, type PyTorchContents } from "./pytorch-contents.ts";
import { globals, type Storage, stateDictOf, storageOf } from "./pytorch-objects.ts";

const MAGIC = 0x1950a86a20f9469cfc6cn;

/** Bytes that are read first; few checkpoints have longer pickles. */
const FIRST_BYTES = 2 ** 20;

/** Bytes of the number of elements before a storage. */
const COUNT_BYTES = 8;

const keysSchema = z.array(z.string());

/** @throws UserError where the file is damaged, or is another pickle */
export async function readLegacyContents(handle: FileHandle, file: string): Promise<PyTorchContents> {
  const { size } = await handle.stat();
  const storages = new Map<string, Storage>();
  const persistent = (id: unknown) => {
    const storage = storageOf(id, "", file);
    storages.set(storage.entry, storage);
    return storage;
  };
  const { values, end } = await picklesOf(handle, size, { file, globals: globals(file), persistent });
  const [magic, , system, state, keys] = values;
  if (magic !== MAGIC) {
    throw new UserError(`${file}: is a bare pickle, expected what torch.save writes; save it with torch.save`);
  }
  if (system instanceof Map && system.get("little_endian") === false) {
    throw new UserError(`${file}: was written on a big-endian machine; save it again on a little-endian one`);
  }
  const tensors = stateDictOf(state, file);
  const listed = keysSchema.safeParse(keys instanceof PickleList ? keys.items : keys);
  if (!listed.success) throw new UserError(`${file}: names storages by what is no text; it is damaged: copy it again`);
  const entries = new Map<string, { readonly start: number; readonly size: number }>();
  let position = end;
  for (const key of listed.data) {
    const storage = storages.get(`data/${key}`);
    const count = await countAt(handle, position, file);
    if (storage === undefined || BigInt(storage.elements) !== count || entries.has(storage.entry)) {
      throw new UserError(
        `${file}: its storage ${JSON.stringify(key)} is not as its pickle says; it is damaged: copy it again`,
      );
    }
    const bytes = storage.elements * bytesPerElement(storage.dtype);
    entries.set(storage.entry, { start: position + COUNT_BYTES, size: bytes });
    position += COUNT_BYTES + bytes;
    if (position > size) throw endsEarly(file, `its storage ${JSON.stringify(key)}`);
  }
  return { tensors, entries };
}

/** The five pickles, of which it is not known before how long they are. */
async function picklesOf(handle: FileHandle, size: number, context: PickleContext) {
  const most = Math.min(size, LARGEST_PICKLE);
  for (let length = Math.min(most, FIRST_BYTES); ; length = Math.min(most, 8 * length)) {
    const bytes = new Uint8Array(length);
    const found = bytes.subarray(0, await readAt(handle, bytes, 0));
    try {
      return readPickles(found, context, 5);
    } catch (error) {
      // What ends early may go on in what was not read yet.
      if (!(error instanceof UserError) || length === most) throw error;
    }
  }
}

async function countAt(handle: FileHandle, position: number, file: string): Promise<bigint> {
  const bytes = new Uint8Array(COUNT_BYTES);
  if ((await readAt(handle, bytes, position)) < COUNT_BYTES) throw endsEarly(file, "its storages");
  return new DataView(bytes.buffer).getBigInt64(0, true);
}
