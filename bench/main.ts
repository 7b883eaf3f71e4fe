/**
 * `tokenformer bench` with others beside us: PyTorch, TensorFlow.js, jax-js, and OpenBLAS as the limit. All make the same steps, from the
 * same weights on the same batches, in turn.
 *
 *     npm run bench -- [--python PYTHON [--compile]] [--javascript] [--only steps,limits] [--sizes nanogpt-cpu,lecture] [--large]
 *         [--rounds 7] [--out FOLDER]
 *
 * PYTHON is an interpreter with PyTorch and NumPy. The README.md of each folder of bench/peers says how to install it.
 */

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  type BenchmarkReport,
  benchmarkMarkdown,
  benchmarkParts,
  runBenchmark,
  type Side,
  type Work,
  workNames,
  writeBenchmark,
} from "tokenformer/benchmark";
import { machine } from "./measure.ts";
import { javascript, openBlas, pytorch, type WorkFiles, writeWork } from "./peers.ts";

const { values: options } = parseArgs({
  options: {
    python: { type: "string" },
    compile: { type: "boolean", default: false },
    javascript: { type: "boolean", default: false },
    only: { type: "string", default: "steps,limits" },
    sizes: { type: "string", default: "nanogpt-cpu" },
    large: { type: "boolean", default: false },
    rounds: { type: "string", default: "7" },
    out: { type: "string" },
  },
});

const { python } = options;
const files: WorkFiles[] = [];

async function peers(work: Work): Promise<Side[]> {
  const written = await writeWork(work);
  files.push(written);
  return [
    ...(python === undefined ? [] : [pytorch(python, work, written, false)]),
    ...(python === undefined || !options.compile ? [] : [pytorch(python, work, written, true)]),
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

const known = <Name extends string>(all: readonly Name[], text: string) => {
  const names = text.split(",");
  const unknown = names.filter((name) => !all.some((one) => one === name));
  if (unknown.length > 0) throw new Error(`${unknown.join(", ")}: there is ${all.join(", ")}`);
  return all.filter((name) => names.includes(name));
};

const measured = await runBenchmark({
  parts: known(benchmarkParts, options.only),
  sizes: known(workNames, options.sizes),
  large: options.large,
  rounds: Number(options.rounds),
  program: fileURLToPath(new URL("../dist/cli/main.js", import.meta.url)),
  note: (line) => process.stderr.write(`${line}\n`),
  peers,
  ...(python !== undefined && { multipliers: async () => [openBlas(python)] }),
});
for (const { remove } of files) remove();

const report: BenchmarkReport = {
  date: new Date().toISOString().slice(0, 10),
  machine,
  software: "tokenformer from this clone",
  ...measured,
  notMeasured: measured.steps === undefined && measured.limits === undefined ? [] : absent,
};
if (options.out !== undefined) await writeBenchmark(report, options.out);
console.log(benchmarkMarkdown(report));
