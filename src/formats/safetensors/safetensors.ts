/** Tensors in safetensors files, read whole or one by one. */

import type { StoredTensor } from "../elements.ts";
import { openFile } from "../files/file-range.ts";
import { openSafetensorsIn, type SafetensorsFile } from "./safetensors-read.ts";

/**
 * Reads every tensor of `file`, in the order of their data; floats of other widths become 32-bit ones.
 *
 * @throws UserError where the file cannot be read, is damaged or holds a type that cannot be read.
 */
export async function readSafetensors(
  file: string,
): Promise<{ tensors: Map<string, StoredTensor>; metadata: Record<string, string> }> {
  const opened = await openSafetensors(file);
  try {
    const tensors = new Map<string, StoredTensor>();
    for (const name of opened.entries.keys()) tensors.set(name, await opened.read(name));
    return { tensors, metadata: opened.metadata };
  } finally {
    await opened.close();
  }
}

/**
 * Opens `file` and reads its header only.
 *
 * @throws UserError where the file cannot be read or its header does not fit its size.
 */
export async function openSafetensors(file: string): Promise<SafetensorsFile> {
  return openSafetensorsIn(await openFile(file));
}
