/**
 * The training step (forward, backward, clipping, AdamW) beside PyTorch: the same model, weights and batches, blocks of
 * steps in turn, medians over rounds. Writes a table, and JSON with `--json FILE`.
 *
 *     npm run bench -- --python PYTHON [--rounds 9] [--steps 30] [--model tokenformer|transformer] [--compile]
 *         [--json FILE]
 *
 * PYTHON is an interpreter with PyTorch; bench/peers/pytorch/README.md says how to install one. Without it, ours runs alone.
 * `--compile` is for torch.compile instead of eager PyTorch.
 */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  configSchema,
  givenOf,
  initialState,
  modelOf,
  openDevice,
  presets,
  Random,
  type StoredTensor,
  sizesOf,
  Trainer,
  trainingFlopsPerToken,
  writeSafetensors,
} from "tokenformer";
import { machine, median } from "./measure.ts";

const { values: options } = parseArgs({
  options: {
    python: { type: "string" },
    rounds: { type: "string", default: "9" },
    steps: { type: "string", default: "30" },
    model: { type: "string", default: "tokenformer" },
    compile: { type: "boolean", default: false },
    json: { type: "string" },
  },
});

/** Something that makes steps and tells their seconds and losses. */
interface Side {
  readonly name: string;
  steps(count: number): Promise<{ seconds: number[]; losses: number[] }>;
  close(): Promise<void> | void;
}

const VOCABULARY = 65;
/** Different batches that both sides go through in turn. */
const BATCHES = 40;

const { model: preset, training } = configSchema.parse(presets["nanogpt-cpu"].config);
const model =
  options.model === "transformer"
    ? ({
        type: "transformer",
        layers: 4,
        heads: 4,
        width: 128,
        context: 64,
        dropout: 0,
        tied: true,
        activation: "gelu",
        biases: false,
        positions: "learned",
        rotaryFraction: 0.25,
        normEpsilon: 1e-5,
        vocabulary: VOCABULARY,
      } as const)
    : { ...preset, vocabulary: VOCABULARY };
const { batch } = training;
const { context } = model;

const random = Random.from("bench");
const windows = Array.from({ length: BATCHES }, () =>
  Int32Array.from({ length: batch * (context + 1) }, () => random.integer(VOCABULARY)),
);
const batches = windows.map((window) => ({
  tokens: Int32Array.from(
    { length: batch * context },
    (_, i) => window[Math.floor(i / context) * (context + 1) + (i % context)] ?? 0,
  ),
  targets: Int32Array.from(
    { length: batch * context },
    (_, i) => window[Math.floor(i / context) * (context + 1) + (i % context) + 1] ?? 0,
  ),
  sequences: batch,
  context,
}));
const state = initialState(modelOf(model), 1, sizesOf(model));

async function ours(): Promise<Side> {
  const device = await openDevice("cpu");
  const trainer = await Trainer.create(device, modelOf(model), state, { ...training, given: givenOf(model) });
  let next = 0;
  return {
    name: "tokenformer",
    async steps(count) {
      const result = { seconds: [] as number[], losses: [] as number[] };
      for (let step = 0; step < count; step++) {
        const given = batches[next++ % BATCHES];
        if (given === undefined) throw new Error("no batch");
        const begun = performance.now();
        const { loss } = await trainer.update([given], training.learningRate, 1);
        result.seconds.push((performance.now() - begun) / 1000);
        result.losses.push(loss);
      }
      return result;
    },
    close: () => device.close(),
  };
}

async function pytorch(python: string): Promise<Side> {
  const folder = mkdtempSync(join(tmpdir(), "bench-"));
  const stack = (pick: (b: (typeof batches)[number]) => Int32Array): StoredTensor => ({
    shape: [BATCHES, batch, context],
    data: Int32Array.from(batches.flatMap((b) => [...pick(b)])),
  });
  await writeSafetensors(join(folder, "weights.safetensors"), state.parameters);
  await writeSafetensors(
    join(folder, "batches.safetensors"),
    new Map([
      ["tokens", stack((b) => b.tokens)],
      ["targets", stack((b) => b.targets)],
    ]),
  );
  const script = fileURLToPath(new URL("../bench/peers/pytorch/train_step.py", import.meta.url));
  const files = ["--weights", join(folder, "weights.safetensors"), "--batches", join(folder, "batches.safetensors")];
  const compile = options.compile ? ["--compile"] : [];
  const { OPENBLAS_CORETYPE: _, OPENBLAS_L2_SIZE: __, ...environment } = process.env;
  const child = spawn(python, [script, "--serve", "--model", model.type, ...compile, ...files], {
    stdio: ["pipe", "pipe", "inherit"],
    env: environment,
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    name: options.compile ? "PyTorch, torch.compile" : "PyTorch, eager",
    async steps(count) {
      child.stdin.write(`step ${count}\n`);
      const { value } = await lines.next();
      const answer: unknown = JSON.parse(String(value));
      if (!isResult(answer)) throw new Error(`PyTorch answered ${String(value)}`);
      return answer;
    },
    close: () => {
      child.stdin.end("quit\n");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function isResult(value: unknown): value is { seconds: number[]; losses: number[] } {
  return typeof value === "object" && value !== null && "seconds" in value && "losses" in value;
}

const sides = [await ours(), ...(options.python === undefined ? [] : [await pytorch(options.python)])];
const steps = Number(options.steps);
const warm: Awaited<ReturnType<Side["steps"]>>[] = [];
for (const side of sides) warm.push(await side.steps(steps));
const difference = Math.max(
  0,
  ...(warm[0]?.losses ?? []).slice(0, 20).map((loss, i) => Math.abs(loss - (warm.at(-1)?.losses[i] ?? 0))),
);
const rounds: number[][] = sides.map(() => []);
const all: number[][] = sides.map(() => []);
for (let round = 0; round < Number(options.rounds); round++) {
  for (const [index, side] of sides.entries()) {
    const { seconds } = await side.steps(steps);
    rounds[index]?.push(median(seconds));
    all[index]?.push(...seconds);
  }
}
const ratios = (rounds[1] ?? []).map((theirs, round) => theirs / (rounds[0]?.[round] ?? Number.NaN));
for (const side of sides) await side.close();

const flops = batch * context * trainingFlopsPerToken(model);
const rows = sides.map(({ name }, index) => {
  const [middle, fastest] = [median(all[index] ?? []), Math.min(...(all[index] ?? []))];
  return {
    name,
    medianMs: 1000 * middle,
    minMs: 1000 * fastest,
    tokensPerSecond: (batch * context) / middle,
    gigaflopsPerSecond: flops / middle / 1e9,
  };
});
const result = {
  date: new Date().toISOString().slice(0, 10),
  machine,
  model: `${model.type} nanogpt-cpu, batch ${batch} × ${context}`,
  rounds: ratios.length,
  stepsEach: steps,
  lossDifferenceOver20Steps: difference,
  ratio: { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) },
  rows,
};
console.log(`${result.model}; ${result.machine}; ${result.date}`);
console.log("| | median ms | min ms | tokens/s | GFLOP/s |\n|---|---|---|---|---|");
for (const row of rows) {
  console.log(
    `| ${row.name} | ${row.medianMs.toFixed(1)} | ${row.minMs.toFixed(1)} | ${row.tokensPerSecond.toFixed(0)} | ${row.gigaflopsPerSecond.toFixed(0)} |`,
  );
}
if (ratios.length > 0) {
  console.log(
    `PyTorch / ours by round: median ${result.ratio.median.toFixed(2)} (${result.ratio.min.toFixed(2)} to ${result.ratio.max.toFixed(2)}), ${ratios.length} rounds of ${steps} steps; losses of the first 20 steps differ by at most ${difference.toExponential(1)}`,
  );
}
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(result, null, 2)}\n`);
