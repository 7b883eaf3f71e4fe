/** `npm run test:quick`: what needs no device, browser or long training, and one test of the whole stack, in one process. */

import { defineConfig } from "vitest/config";
import all from "./vitest.config.ts";

const files = [
  "smoke",
  "layers",
  "random",
  "evaluation/{layouts,sequences}",
  "formats/{atomic,half,json}",
  "generation/stop-strings",
  "growth/refusals",
  "nn/scope",
  "report/{curve,format}",
  "server/{choice,scheduler}",
  "study/{estimate,statistics}",
  "studio/{columns,history,turns}",
  "tensor/{dimension,onnx}",
  "text/{batches,character-tokenizer,megatron,token-file}",
  "training/schedule",
];

export default defineConfig({
  ...all,
  test: { ...all.test, include: files.map((file) => `test/${file}.test.ts`), isolate: false, maxWorkers: 1 },
});
