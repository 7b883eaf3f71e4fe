/**
 * Train, grow and run TokenFormer language models on ONNX Runtime.
 *
 * In the order in which things build on each other: symbolic tensors and devices that run them; layers and models; growth;
 * text; training; published checkpoints; writing. The report of a run is apart, in "tokenformer/report": its plots take time to load.
 */

export * from "./analysis/index.ts";
export * from "./checkpoint/index.ts";
export {
  type Communicator,
  gatherNumbers,
  inProcessCommunicators,
  joinRanks,
  Ranks,
  sharedArray,
} from "./cluster/index.ts";
export * from "./configuration/index.ts";
export * from "./data/index.ts";
export { messageOf, UserError } from "./errors.ts";
export * from "./evaluation/index.ts";
export {
  openSafetensors,
  readSafetensors,
  type SafetensorsFile,
  type StoredTensor,
  writeSafetensors,
} from "./formats/index.ts";
export * from "./generation/index.ts";
export * from "./growth/index.ts";
export * from "./inference/index.ts";
export * from "./model/index.ts";
export * from "./nn/index.ts";
export * from "./optimizer/index.ts";
export { type OptionsSchema, optionsWithDefaults } from "./options.ts";
export type { OwnName } from "./own-names.ts";
export * from "./published/index.ts";
export { Random } from "./random.ts";
export * from "./runtime/index.ts";
export * from "./tensor/index.ts";
export * from "./text/index.ts";
export * from "./training/index.ts";
