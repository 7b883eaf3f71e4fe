/**
 * `tokenformer bench` with others beside us: PyTorch, TensorFlow.js, jax-js, and OpenBLAS as the limit. All make the same steps, from the
 * same weights on the same batches, in turn.
 *
 *     npm run bench -- [--python PYTHON [--compile]] [--javascript] [--only steps,limits] [--sizes nanogpt-cpu,lecture] [--large]
 *         [--rounds 7] [--minutes 10] [--avx2] [--out FOLDER]
 *
 * Each figure is printed as soon as there is one. With --minutes nothing further begins after so many. PyTorch takes part with the
 * vector instructions that we use first, then as it is installed, where these differ.
 *
 * With --avx2 all sides have AVX2 alone, also on a processor with AVX-512 (Linux on x64, with a C compiler).
 *
 * PYTHON is an interpreter with PyTorch and NumPy. The README.md of each folder of bench/peers says how to install it.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type BenchmarkReport,
  benchmarkMarkdown,
  benchmarkParts,
  comparisonMarkdown,
  ownInstructions,
  runBenchmark,
  type Side,
  type Work,
  workNames,
  writeBenchmark,
} from "tokenformer/benchmark";
import { hideAvx512 } from "./avx2.ts";
import { machine, note } from "./measure.ts";
import { termsOf } from "./mkl.ts";
import { countOf, parsedOptions, someOf } from "./options.ts";
import { javascript, openBlas, pytorch, type WorkFiles, writeWork } from "./peers.ts";

const { values: options } = parsedOptions({
  options: {
    python: { type: "string" },
    compile: { type: "boolean", default: false },
    javascript: { type: "boolean", default: false },
    only: { type: "string", default: "steps,limits" },
    sizes: { type: "string", default: "nanogpt-cpu" },
    large: { type: "boolean", default: false },
    rounds: { type: "string", default: "7" },
    minutes: { type: "string" },
    avx2: { type: "boolean", default: false },
    out: { type: "string" },
  },
});

if (options.avx2) hideAvx512();

const { python } = options;
const parts = someOf(benchmarkParts, options.only, "--only");
const sizes = someOf(workNames, options.sizes, "--sizes");
const rounds = countOf(options.rounds, "--rounds");
const minutes = options.minutes === undefined ? undefined : countOf(options.minutes, "--minutes");
const files: WorkFiles[] = [];
const folder = mkdtempSync(join(tmpdir(), "bench-"));
const terms = python === undefined ? [] : termsOf(python, ownInstructions(), folder, note);

async function peers(work: Work): Promise<Side[]> {
  const written = await writeWork(work);
  files.push(written);
  return [
    ...terms.flatMap((term) =>
      [false, ...(options.compile ? [true] : [])].map((compile) =>
        pytorch(python ?? "", work, written, { ...term, compile }),
      ),
    ),
    // At the larger sizes a step takes them minutes.
    ...(options.javascript && work.name === "nanogpt-cpu"
      ? [javascript("tfjs", written), javascript("jax", written)]
      : []),
  ];
}

const absent = [
  ...(python === undefined ? [{ name: "PyTorch and OpenBLAS", reason: "--python was not given" }] : []),
  ...(options.compile ? [] : [{ name: "torch.compile", reason: "--compile was not given" }]),
  options.javascript
    ? {
        name: "@genai-fi/nanogpt",
        reason: "trains on WebGL and WebGPU, which Node does not have; it has no WASM backend",
      }
    : { name: "TensorFlow.js and jax-js", reason: "--javascript was not given" },
];

const measured = await runBenchmark({
  parts,
  sizes,
  large: options.large,
  rounds,
  minutes,
  program: fileURLToPath(new URL("../dist/cli/main.js", import.meta.url)),
  note,
  compared: (comparison) => note(`\n${comparisonMarkdown(comparison)}\n`),
  peers,
  ...(python !== undefined && { multipliers: async () => [openBlas(python)] }),
});
for (const { remove } of files) remove();
rmSync(folder, { recursive: true });

const report: BenchmarkReport = {
  date: new Date().toISOString().slice(0, 10),
  machine,
  software: "tokenformer from this clone",
  ...measured,
  notMeasured: measured.steps === undefined && measured.limits === undefined ? [] : absent,
};
if (options.out !== undefined) await writeBenchmark(report, options.out);
console.log(benchmarkMarkdown(report));
