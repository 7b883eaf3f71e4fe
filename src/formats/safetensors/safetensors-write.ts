/** Writing safetensors files. */

import type { StoredTensor } from "../elements.ts";
import { writeFileAtomic } from "../files/atomic.ts";
import { type LazyTensor, safetensorsPieces, type WriteSafetensorsOptions } from "./safetensors-pieces.ts";

/**
 * Writes tensors to `file`, whole or not at all, in the order of `safetensorsPieces`.
 *
 * @throws UserError where a tensor's data does not fit its shape, a name comes twice or the file cannot be written.
 */
export async function writeSafetensors(
  file: string,
  tensors: Iterable<readonly [string, StoredTensor | LazyTensor]>,
  options: WriteSafetensorsOptions = {},
): Promise<void> {
  await writeFileAtomic(file, safetensorsPieces(tensors, file, options));
}
