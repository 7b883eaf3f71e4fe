/**
 * Where the time of a training step goes: ONNX Runtime's own profile of its program by kind of operator, beside the whole step, both on
 * one device with all threads. (A step of `train` may share its batch among several.)
 *
 *     npm run bench:profile -- [--size 124m] [--model tokenformer] [--steps 7] [--out FILE]
 */

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { modelOf, openDevice, Trainer } from "tokenformer";
import { batchesOf, stateOf, workModels, workNames, workOf } from "tokenformer/benchmark";
import { givenOf } from "tokenformer/model";
import { emitOnnx } from "tokenformer/tensor";
import { gradientsOf } from "tokenformer/training";
import { machine, median } from "./measure.ts";
import { countOf, oneOf, parsedOptions } from "./options.ts";
import { feedsOf, openSession } from "./passes-session.ts";

const { values: options } = parsedOptions({
  options: {
    size: { type: "string", default: "124m" },
    model: { type: "string", default: "tokenformer" },
    steps: { type: "string", default: "7" },
    out: { type: "string" },
  },
});

const steps = countOf(options.steps, "--steps");
const work = workOf(oneOf(workNames, options.size, "--size"), oneOf(workModels, options.model, "--model"));

const kinds: Readonly<Record<string, readonly string[]>> = {
  "matrix products": ["MatMul", "FusedMatMul", "Gemm"],
  "sums and norms": [
    "ReduceSum",
    "ReduceL2",
    "ReduceMean",
    "ReduceMax",
    "LayerNormalization",
    "SimplifiedLayerNormalization",
  ],
  "moving and joining": [
    "Transpose",
    "Reshape",
    "Flatten",
    "Slice",
    "Concat",
    "Expand",
    "Squeeze",
    "Unsqueeze",
    "Identity",
    "Pad",
  ],
  "softmax and loss": ["Softmax", "LogSoftmax", "GatherElements", "ScatterElements", "Gather", "OneHot"],
};

const kindOf = (operator: string) =>
  Object.keys(kinds).find((kind) => kinds[kind]?.includes(operator)) ?? "elementwise";

/** One line of ONNX Runtime's profile. */
interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly dur: number;
  readonly args: { readonly op_name?: string };
}

/** Writes ONNX Runtime's profile of some passes through the program of the gradients, and of one before that warms up. */
async function writeProfile(profileFilePrefix: string): Promise<void> {
  const { graph } = gradientsOf(modelOf(work.config), work.config.context);
  const session = await openSession(emitOnnx(graph), availableParallelism(), profileFilePrefix);
  const feeds = feedsOf(work);
  for (let pass = 0; pass < steps + 1; pass++) await session.run(feeds);
  session.endProfiling();
  await session.release();
}

/** Milliseconds of a pass in the operators of each kind. */
async function operatorTimes(): Promise<Record<string, number>> {
  const folder = await mkdtemp(join(tmpdir(), "tokenformer-profile-"));
  try {
    await writeProfile(join(folder, "profile"));
    const [file = ""] = await readdir(folder);
    const events: ProfileEvent[] = JSON.parse(await readFile(join(folder, file), "utf8"));
    const kernels = events.filter(({ cat, name }) => cat === "Node" && name.endsWith("_kernel_time"));
    const perPass = kernels.length / (steps + 1);
    if (!Number.isInteger(perPass)) throw new Error(`${kernels.length} operators in ${steps + 1} passes`);
    const each = Array.from({ length: steps }, (_, pass) => kernels.slice((pass + 1) * perPass, (pass + 2) * perPass));
    const timesOf = (kind: string) =>
      each.map((pass) => {
        const ofKind = pass.filter(({ args }) => kindOf(args.op_name ?? "") === kind);
        return ofKind.reduce((sum, { dur }) => sum + dur, 0) / 1000;
      });
    return Object.fromEntries([...Object.keys(kinds), "elementwise"].map((kind) => [kind, median(timesOf(kind))]));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Milliseconds of a whole step on one device. */
async function stepTime(): Promise<number> {
  const device = await openDevice("cpu");
  const rest = { given: givenOf(work.config), time: work.config.context };
  const trainer = await Trainer.create(device, modelOf(work.config), stateOf(work), { ...work.training, ...rest });
  const batches = batchesOf(work, 1);
  const times: number[] = [];
  for (let step = 0; step < steps + 2; step++) {
    const startedAt = performance.now();
    await trainer.update(batches, work.training.learningRate, 1);
    times.push(performance.now() - startedAt);
  }
  await device.close();
  return median(times.slice(2));
}

const operators = await operatorTimes();
const step = await stepTime();
const inOperators = Object.values(operators).reduce((sum, time) => sum + time, 0);
const report = {
  date: new Date().toISOString().slice(0, 10),
  machine,
  work: work.name,
  model: work.config.type,
  milliseconds: {
    "step on one device": step,
    ...operators,
    "copies of outputs, optimiser and the rest": step - inOperators,
  },
};
const json = `${JSON.stringify(report, undefined, 2)}\n`;
if (options.out !== undefined) await writeFile(options.out, json);
process.stdout.write(json);
