/** Archives as `torch.save` would write them, with whatever a test puts into them. */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import * as yazl from "yazl";
import {
  type Picklable,
  PickleCode,
  pickled,
  pickledCall,
  pickledGlobal,
  pickledReference,
} from "../../src/formats/pickle-write.ts";

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
