/** Archives as `torch.save` would write them, with whatever a test puts into them. */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import * as yazl from "yazl";
import {
  type Picklable,
  PickleCode,
  pickled,
  pickledCall,
  pickledGlobal,
  pickledReference,
  writePickle,
} from "../../src/formats/pytorch/pickle-write.ts";

/** A storage by its key, of a number of elements. */
export function storage(key: string, elements: number, type = "FloatStorage"): PickleCode {
  return pickledReference(["storage", pickledGlobal(`torch.${type}`), key, "cpu", elements]);
}

export function tensor(
  of: PickleCode,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): PickleCode {
  return pickledCall("torch._utils._rebuild_tensor_v2", [of, offset, shape, strides, false, null]);
}

/** A call as protocols from 4 on write it: the name is taken from the stack. */
export function stackCall(module: string, name: string, args: readonly Picklable[]): PickleCode {
  return new PickleCode(pickled(module), pickled(name), Buffer.from([0x93]), pickled(args), Buffer.from("R"));
}

export interface ArchiveOptions {
  readonly zip64?: boolean;
  readonly compress?: boolean;
  readonly byteorder?: "little" | "big";
  readonly root?: string;
}

/** Writes an archive, with storages by their keys. */
export async function writeArchive(
  file: string,
  state: Uint8Array,
  storages: Readonly<Record<string, Float32Array | Uint16Array>>,
  { zip64 = false, compress = false, byteorder = "little", root = "archive" }: ArchiveOptions = {},
): Promise<void> {
  const archive = new yazl.ZipFile();
  const entries = new Map<string, Buffer>([
    ["data.pkl", Buffer.from(state)],
    ["byteorder", Buffer.from(byteorder)],
    ...Object.entries(storages).map(
      ([key, { buffer, byteOffset, byteLength }]) =>
        [`data/${key}`, Buffer.from(buffer, byteOffset, byteLength)] as const,
    ),
    ["version", Buffer.from("3\n")],
  ]);
  for (const [name, content] of entries) {
    archive.addBuffer(content, `${root}/${name}`, { compress, forceZip64Format: zip64 });
  }
  archive.end({ forceZip64Format: zip64, comment: "" });
  const written = createWriteStream(file);
  archive.outputStream.pipe(written);
  await once(written, "close");
}

/** The magic number, the version and the facts of the machine that come first. */
const LEGACY_START = Buffer.concat([
  Buffer.from("80028a0a6cfc9c46f9206aa850192e", "hex"),
  writePickle(1001),
  writePickle({ protocol_version: 1001, little_endian: true }),
]);

/** Writes a checkpoint as PyTorch did before 1.6, with storages by their keys. */
export async function writeLegacy(
  file: string,
  state: Uint8Array,
  storages: Readonly<Record<string, Float32Array | Float64Array | Uint16Array>>,
): Promise<void> {
  const keys = Object.keys(storages).map((key) => Buffer.from(pickled(key)));
  const list = Buffer.concat([Buffer.from([0x80, 2, 0x5d, 0x28]), ...keys, Buffer.from([0x65, 0x2e])]);
  const data = Object.values(storages).flatMap(({ buffer, byteOffset, byteLength, length }) => {
    const count = Buffer.alloc(8);
    count.writeBigInt64LE(BigInt(length));
    return [count, Buffer.from(buffer, byteOffset, byteLength)];
  });
  await writeFile(file, Buffer.concat([LEGACY_START, state, list, ...data]));
}

/** What Python writes for {'vocab_size': 3, 'itos': {0: '\n', 1: 'a', 2: 'é'}, 'stoi': …}, by protocol 4, as nanoGPT's `meta.pkl`. */
export const CHARACTERS_OF_NANOGPT = Buffer.from(
  "80049549000000000000007d94288c0a766f6361625f73697a65944b038c0469746f73947d94284b008c010a944b018c0161944b028c02c3a994758c0473746f69947d942868044b0068054b0168064b0275752e",
  "hex",
);
