/** Formats in memory: what Node and browsers have in common. */

export { isFloat, type StoredFloatType, type StoredTensor } from "./elements.ts";
export { type ByteSource, contentBytes, type FileContents, memorySource } from "./files/byte-source.ts";
export { checkJsonLine, type JsonLine, parseJsonLine, parseJsonLines } from "./json/json-lines.ts";
export { checkJson, formatJson, parseJson, sameJson } from "./json/json-text.ts";
export { noteVersion, type Patch, type Patches, patched, refuseNewer } from "./json/patches.ts";
export type { SafetensorsType, TensorEntry } from "./safetensors/safetensors-header.ts";
export { type LazyTensor, safetensorsPieces, type WriteSafetensorsOptions } from "./safetensors/safetensors-pieces.ts";
export { openSafetensorsIn, type SafetensorsFile } from "./safetensors/safetensors-read.ts";
export type { WeightEntry, WeightFile } from "./weight-file.ts";
