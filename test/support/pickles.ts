/** Pickles and archives as a program other than ours would write them: a small writer for what tests need. */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import * as yazl from "yazl";

/** What can be pickled here. */
export type Picklable =
  | number
  | string
  | null
  | boolean
  | readonly Picklable[]
  | Code
  | { readonly [key: string]: Picklable };

/** Opcodes that push one value. */
class Code {
  readonly write: (protocol: Protocol) => Buffer;

  constructor(write: (protocol: Protocol) => Buffer) {
    this.write = write;
  }
}

type Protocol = 2 | 4;

/** A whole pickle. Arrays are tuples, objects dicts. */
export function pickle(value: Picklable, protocol: Protocol = 2): Buffer {
  return Buffer.concat([Buffer.from([0x80, protocol]), encode(value, protocol), Buffer.from(".")]);
}

/** A global by its dotted name, called with arguments if they are given. */
export function global(name: string, args?: readonly Picklable[]): Code {
  const dot = name.lastIndexOf(".");
  const [module, attribute] = [name.slice(0, dot), name.slice(dot + 1)];
  return new Code((protocol) => {
    const found =
      protocol === 2
        ? Buffer.from(`c${module}\n${attribute}\n`)
        : Buffer.concat([encode(module, protocol), encode(attribute, protocol), Buffer.from([0x93])]);
    return args === undefined ? found : Buffer.concat([found, encode(args, protocol), Buffer.from("R")]);
  });
}

/** A storage by its key, of a number of elements. */
export function storage(key: string, elements: number, type = "FloatStorage"): Code {
  const id = ["storage", global(`torch.${type}`), key, "cpu", elements] as const;
  return new Code((protocol) => Buffer.concat([encode(id, protocol), Buffer.from("Q")]));
}

export function tensor(of: Code, offset: number, shape: readonly number[], strides: readonly number[]): Code {
  return global("torch._utils._rebuild_tensor_v2", [
    of,
    offset,
    shape,
    strides,
    false,
    global("collections.OrderedDict", []),
  ]);
}

function encode(value: Picklable, protocol: Protocol): Buffer {
  if (value instanceof Code) return value.write(protocol);
  if (value === null) return Buffer.from("N");
  if (typeof value === "boolean") return Buffer.from([value ? 0x88 : 0x89]);
  if (typeof value === "number") return encodeNumber(value);
  if (typeof value === "string") return encodeText(value);
  const items = Array.isArray(value) ? value : Object.entries(value).flat();
  const parts = items.map((item) => encode(item, protocol));
  if (Array.isArray(value)) return Buffer.concat([Buffer.from("("), ...parts, Buffer.from("t")]);
  return Buffer.concat([Buffer.from("}("), ...parts, Buffer.from("u")]);
}

function encodeNumber(value: number): Buffer {
  const buffer = Buffer.from([0x4a, 0, 0, 0, 0]);
  buffer.writeInt32LE(value, 1);
  return buffer;
}

function encodeText(value: string): Buffer {
  const text = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([Buffer.from("X"), length, text]);
}

export interface ArchiveOptions {
  readonly zip64?: boolean;
  readonly compress?: boolean;
  readonly byteorder?: "little" | "big";
  readonly root?: string;
}

/** Writes an archive as `torch.save` does, with storages by their keys. */
export async function writeArchive(
  file: string,
  state: Buffer,
  storages: Readonly<Record<string, Float32Array | Uint16Array>>,
  { zip64 = false, compress = false, byteorder = "little", root = "archive" }: ArchiveOptions = {},
): Promise<void> {
  const archive = new yazl.ZipFile();
  const entries = new Map<string, Buffer>([
    ["data.pkl", state],
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
