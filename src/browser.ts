/**
 * Train, grow and run TokenFormer language models in a browser, on ONNX Runtime's WebAssembly or WebGPU: what of the package
 * needs no Node. For a web worker, as training would stop a page.
 *
 * The same names as in Node, but for what has to do with files: corpora come from texts in memory, and checkpoints are files in
 * memory.
 */

export * from "./analysis/index.ts";
export * from "./checkpoint/portable.ts";
export * from "./configuration/index.ts";
export * from "./data/portable.ts";
export { messageOf, UserError } from "./errors.ts";
export * from "./generation/index.ts";
export * from "./growth/index.ts";
export * from "./inference/index.ts";
export * from "./model/index.ts";
export * from "./nn/index.ts";
export * from "./optimizer/index.ts";
export { type OptionsSchema, optionsWithDefaults } from "./options.ts";
export type { OwnName } from "./own-names.ts";
export { Random } from "./random.ts";
export * from "./runtime/web.ts";
export * from "./tensor/index.ts";
export * from "./text/portable.ts";
export * from "./training/portable.ts";
