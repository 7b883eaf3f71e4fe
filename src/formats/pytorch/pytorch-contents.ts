/** What a checkpoint of PyTorch holds, whichever container it is in. */

import { UserError } from "../../errors.ts";
import type { ZipEntry } from "../files/zip.ts";
import type { PyTorchTensor } from "./pytorch-objects.ts";

/** The largest pickle that is read: names, shapes and numbers, but no weights. */
export const LARGEST_PICKLE = 2 ** 28;

export interface PyTorchContents {
  /** The tensors by name, each within its storage. */
  readonly tensors: ReadonlyMap<string, PyTorchTensor>;
  /** Where the bytes of each storage are, by its name. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
}

export function endsEarly(file: string, what: string): UserError {
  return new UserError(`${file}: ends within ${what}; the file is cut short: copy it again`);
}
