/** Formats in memory: what Node and browsers have in common. */

export { type ByteSource, contentBytes, type FileContents, memorySource } from "./byte-source.ts";
export type { StoredFloatType, StoredTensor } from "./elements.ts";
export { checkJsonLine, type JsonLine, parseJsonLines } from "./json-lines.ts";
export { checkJson, formatJson, parseJson, sameJson } from "./json-text.ts";
export type { SafetensorsType, TensorEntry } from "./safetensors-header.ts";
export { type LazyTensor, safetensorsPieces, type WriteSafetensorsOptions } from "./safetensors-pieces.ts";
export { openSafetensorsIn, type SafetensorsFile } from "./safetensors-read.ts";
export type { WeightEntry, WeightFile } from "./weight-file.ts";
