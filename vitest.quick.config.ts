/** `npm run test:quick`: what needs no device, browser or long training, and one test of the whole stack, in one process. */

import { existsSync } from "node:fs";
import { defineConfig } from "vitest/config";
import all from "./vitest.config.ts";

const files = {
  ".": ["errors", "half", "layers", "memo", "plain-words", "random", "smoke"],
  cluster: ["environment", "stragglers"],
  configuration: ["parse"],
  data: ["data-content"],
  evaluation: ["layouts", "sequences"],
  formats: ["atomic", "json", "weights"],
  generation: ["stop-strings"],
  growth: ["refusals"],
  "lab/report": ["curve", "format"],
  "lab/study": ["estimate", "statistics"],
  nn: ["scope"],
  optimizer: ["schedule"],
  server: ["choice", "scheduler"],
  studio: ["columns", "history", "turns"],
  tensor: ["dimension", "onnx"],
  text: ["batches", "character-tokenizer", "megatron", "token-file"],
};

const include = Object.entries(files).flatMap(([folder, names]) =>
  names.map((name) => `test/${folder}/${name}.test.ts`),
);
const missing = include.filter((file) => !existsSync(new URL(file, import.meta.url)));
if (missing.length > 0) throw new Error(`vitest.quick.config.ts names files that are not there: ${missing.join(", ")}`);

const { projects: _, ...test } = all.test ?? {};

export default defineConfig({
  ...all,
  test: {
    ...test,
    include: include.map((file) => file.replace("/./", "/")),
    isolate: false,
    maxWorkers: 1,
  },
});
