export { explainFileError, fileExists, makeFolder, statIfPresent, writeFileAtomic } from "./files/atomic.ts";
export { checkFolder, commitTexts, inEffect, isStale, recoverDirectory, writersOf } from "./files/directory.ts";
export { hasCode } from "./files/error-code.ts";
export { openFile } from "./files/file-range.ts";
export {
  FolderTakenError,
  LockedFolder,
  type WritableFolder,
  withFolder,
  writeNewFiles,
} from "./files/locked-folder.ts";
export { readFileBytes, readFileText } from "./files/read-file.ts";
export { openSnapshot, type Snapshot } from "./files/snapshot.ts";
export { temporaryName } from "./files/temporary.ts";
export { readZip } from "./files/zip.ts";
export { readJson, writeJson } from "./json/json.ts";
export * from "./portable.ts";
export { readPickle } from "./pytorch/pickle.ts";
export { openPyTorch } from "./pytorch/pytorch.ts";
export { writePyTorch } from "./pytorch/pytorch-write.ts";
export { openSafetensors, readSafetensors } from "./safetensors/safetensors.ts";
export { writeSafetensors } from "./safetensors/safetensors-write.ts";
export { openWeights } from "./weights.ts";
