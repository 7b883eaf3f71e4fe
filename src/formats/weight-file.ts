/** What the files of weights have in common, whatever their format. */

import type { StoredTensor } from "./elements.ts";
import type { SafetensorsType } from "./safetensors/safetensors-header.ts";

/** What a file says of a tensor. */
export interface WeightEntry {
  readonly dtype: SafetensorsType;
  readonly shape: readonly number[];
}

/** An open file of named tensors, which are read on demand. Close it after use. */
export interface WeightFile {
  readonly entries: ReadonlyMap<string, WeightEntry>;
  /**
   * Reads one tensor; floats of other widths become 32-bit ones. Reads may overlap in time.
   *
   * @throws UserError where there is no such tensor, its type cannot be read or the file ends early.
   */
  read(name: string): Promise<StoredTensor>;
  close(): Promise<void>;
}

/** Some of the names, for a message. */
export function listNames(names: readonly string[]): string {
  if (names.length === 0) return "no tensors";
  const shown = names.slice(0, 5).join(", ");
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}
