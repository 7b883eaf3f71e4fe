/** Telling the containers of PyTorch's checkpoints apart, and from other files. */

import type { FileHandle } from "node:fs/promises";
import { UserError } from "../../errors.ts";
import { KIND_BYTES, otherKindOf } from "../files/file-kind.ts";
import { readAt } from "../files/file-range.ts";

/** A zip archive, since PyTorch 1.6, or pickles one after another, before. */
export type PyTorchContainer = "zip" | "pickles";

/** The first byte of pickles since protocol 2. */
const PICKLE = 0x80;

/** @throws UserError where the file begins as neither, with what it seems to be */
export async function containerOf(handle: FileHandle, file: string): Promise<PyTorchContainer> {
  const bytes = new Uint8Array(KIND_BYTES);
  const found = bytes.subarray(0, await readAt(handle, bytes, 0));
  if (found[0] === 0x50 && found[1] === 0x4b) return "zip"; // "PK"
  if (found[0] === PICKLE) return "pickles";
  throw new UserError(`${file}: ${otherKindOf(found) ?? strange(found)}`);
}

function strange([first]: Uint8Array): string {
  if (first === undefined) return "is empty; copy it again";
  if (first === "{".charCodeAt(0)) return "is JSON; name the file of the weights, or the folder that has both";
  return "is no zip archive, expected what torch.save writes";
}
