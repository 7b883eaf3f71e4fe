export { explainFileError, type FileData, fileExists, writeFileAtomic } from "./atomic.ts";
export { commitFiles, committedFile, recoverDirectory } from "./directory.ts";
export { readJson, writeJson } from "./json.ts";
export {
  openSafetensors,
  readSafetensors,
  type SafetensorsFile,
  type StoredFloatType,
  type StoredTensor,
  type WriteSafetensorsOptions,
  writeSafetensors,
} from "./safetensors.ts";
export type { SafetensorsType, TensorEntry } from "./safetensors-header.ts";
