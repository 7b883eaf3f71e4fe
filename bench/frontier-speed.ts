/**
 * How long an update of each model of the study `frontier` takes, on one thread as a run of the study has it: FLOPs are what its budgets
 * count, and elementwise work over parameter tokens is not among them. The models take turns, update by update, so nothing else
 * should run.
 *
 *     npm run bench:frontier-speed -- [--rounds 15] [--out docs/studies/frontier/speed.json]
 */

import { writeFile } from "node:fs/promises";
import { openDevice, parseConfig, type TokenBatch, type Trainer } from "tokenformer";
import { batchesOf, stateOf } from "tokenformer/benchmark";
import { flopsPerStep } from "tokenformer/study";
import { frontierPreset, frontierSchema, planFrontier } from "#tokenformer/lab/frontier";
import { stepTrainer } from "../dist/lab/benchmark/step-trainer.js";
import { machine, median } from "./measure.ts";
import { countOf, parsedOptions } from "./options.ts";

const { values: options } = parsedOptions({
  options: { rounds: { type: "string", default: "15" }, out: { type: "string" } },
});
const rounds = countOf(options.rounds, "--rounds");

/** The first updates warm up. */
const WARM_UP = 3;

/** The characters of the text that the study is on by default. */
const VOCABULARY = 98;

interface Side {
  readonly id: string;
  readonly flops: number;
  readonly trainer: Trainer;
  readonly batch: TokenBatch;
  readonly seconds: number[];
}

const study = frontierSchema.parse({
  ...frontierPreset,
  model: { ...frontierPreset.model, vocabulary: VOCABULARY },
  arms: ["scratch", "rotary"],
});
const complete = { ...study, model: { ...study.model, vocabulary: VOCABULARY } };
const sides: Side[] = [];
for (const { id, start } of planFrontier(complete).tracks) {
  const { training } = parseConfig({ model: start, training: study.training });
  const work = { config: start, batch: training.batch, training };
  const [batch] = batchesOf(work, 1);
  if (batch === undefined) throw new Error("a batch");
  const trainer = await stepTrainer(await openDevice("cpu", { threads: 1 }), work, stateOf(work));
  sides.push({ id, flops: flopsPerStep(complete, start), trainer, batch, seconds: [] });
}
for (let round = 0; round < WARM_UP + rounds; round++) {
  for (const { trainer, batch, seconds } of sides) {
    const startedAt = performance.now();
    await trainer.update([batch], 1e-3, 1);
    if (round >= WARM_UP) seconds.push((performance.now() - startedAt) / 1000);
  }
}
const rows = sides.map(({ id, flops, seconds }) => ({
  id,
  flops,
  seconds: median(seconds),
  secondsPerTeraflop: (1e12 * median(seconds)) / flops,
}));
console.log(machine);
for (const { id, seconds, flops, secondsPerTeraflop } of rows) {
  console.log(
    `${id}: ${(1000 * seconds).toFixed(1)} ms an update, ${(flops / seconds / 1e9).toFixed(1)} GFLOP/s, ${secondsPerTeraflop.toFixed(1)} s a TFLOP`,
  );
}
if (options.out !== undefined) {
  const told = { date: new Date().toISOString().slice(0, 10), machine, rounds, rows };
  await writeFile(options.out, `${JSON.stringify(told, null, 2)}\n`);
}
process.exit(0);
