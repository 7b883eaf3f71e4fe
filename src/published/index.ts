/** Published checkpoints of TokenFormer: their names, configurations and files. */

export { type Imported, type ImportOptions, importCheckpoint } from "./import.ts";
