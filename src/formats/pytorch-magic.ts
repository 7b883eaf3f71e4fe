/** Telling what a file is that is no checkpoint of PyTorch's. */

import type { FileHandle } from "node:fs/promises";
import { UserError } from "../errors.ts";
import { readAt } from "./file-range.ts";

/** The bytes at which kinds of files begin, and how to get from them to what can be read. */
const KINDS: readonly { readonly begins: readonly number[]; readonly what: string }[] = [
  {
    // A pickle of the number 0x1950a86a20f9469cfc6c.
    begins: [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46],
    what: "has the format of PyTorch before 1.6; open it with torch.load and write it with torch.save again",
  },
  {
    begins: [...Buffer.from("version https://git-lfs")],
    what: "is a pointer to a large file, not the file; fetch it with: git lfs pull",
  },
  {
    begins: [0x80],
    what: "is a bare pickle, expected the zip archive that torch.save writes; save it with torch.save",
  },
  { begins: [0x1f, 0x8b], what: "is compressed by gzip; decompress it first" },
  { begins: [...Buffer.from("<")], what: "is a page of HTML or XML, perhaps an error of the download; get it again" },
];

const ZIP = [...Buffer.from("PK")];

/** @throws UserError where the file does not begin as a zip archive, with what it seems to be */
export async function checkPyTorchMagic(handle: FileHandle, file: string): Promise<void> {
  const bytes = new Uint8Array(32);
  const found = bytes.subarray(0, await readAt(handle, bytes, 0));
  const beginsWith = (start: readonly number[]) => start.every((byte, index) => found[index] === byte);
  if (beginsWith(ZIP)) return;
  const kind = KINDS.find(({ begins }) => beginsWith(begins));
  const otherwise =
    found.length === 0 ? "is empty; copy it again" : "is no zip archive, expected what torch.save writes";
  throw new UserError(`${file}: ${kind?.what ?? otherwise}`);
}
