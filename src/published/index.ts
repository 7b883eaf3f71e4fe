/** Published checkpoints of TokenFormer: their names, configurations and files. */

export { type Exported, type ExportOptions, exportCheckpoint } from "./export.ts";
export { type Imported, type ImportOptions, importCheckpoint } from "./import.ts";
export { exportOnnx, type OnnxExportOptions } from "./onnx.ts";
