/**
 * Whether a change of the engine pays in a whole training step: this build beside another, which lies beside its `node_modules` in a folder
 * `dist`. Both have what cores and replicas a run of `train` would have, and take turns, step by step, in one process.
 *
 *     npm run bench:steps -- --other DIST [--work nanogpt-cpu] [--model tokenformer] [--rounds 150]
 *
 * Times are what the clock says, so nothing else should run. Losses of both are compared, too.
 */

import type { TokenBatch, Trainer } from "tokenformer";
import { batchesOf, stateOf, workModels, workNames, workOf } from "tokenformer/benchmark";
import { machine, median, ratiosOf, spread } from "./measure.ts";
import { buildsOf, countOf, oneOf, parsedOptions, someOf } from "./options.ts";

const { values: options } = parsedOptions({
  options: {
    other: { type: "string" },
    work: { type: "string", default: "nanogpt-cpu" },
    model: { type: "string", default: "tokenformer" },
    rounds: { type: "string", default: "150" },
  },
});

const { own, other } = buildsOf(options.other);
const rounds = countOf(options.rounds, "--rounds");
const type = oneOf(workModels, options.model, "--model");

/** The first rounds warm up. */
const WARM_UP = 5;

/** A trainer as a build makes it, the time of each of its steps in milliseconds, and the losses. */
interface Side {
  readonly trainer: Trainer;
  readonly times: number[];
  readonly losses: number[];
}

async function sideBy(build: string, work: ReturnType<typeof workOf>): Promise<Side> {
  const { openDevice }: typeof import("tokenformer") = await import(`${build}index.js`);
  const { stepTrainer }: typeof import("../dist/lab/benchmark/step-trainer.js") = await import(
    `${build}lab/benchmark/step-trainer.js`
  );
  return { trainer: await stepTrainer(await openDevice("cpu"), work, stateOf(work)), times: [], losses: [] };
}

async function step({ trainer, times, losses }: Side, batch: TokenBatch): Promise<void> {
  const startedAt = performance.now();
  const { loss } = await trainer.update([batch], 1e-3, 1);
  times.push(performance.now() - startedAt);
  losses.push(loss);
}

console.log(machine);
for (const name of someOf(workNames, options.work, "--work")) {
  const work = workOf(name, type);
  const sides: Side[] = [];
  for (const build of [other, own]) sides.push(await sideBy(build, work));
  const batches = batchesOf(work);
  for (let round = 0; round < WARM_UP + rounds; round++) {
    const batch = batches[round % batches.length];
    if (batch === undefined) throw new Error("a batch");
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) await step(side, batch);
  }
  const [before = [], now = []] = sides.map(({ times }) => times.slice(WARM_UP));
  const [losses = [], lossesNow = []] = sides.map((side) => side.losses);
  const apart = Math.max(...losses.map((loss, index) => Math.abs(loss - (lossesNow[index] ?? Number.NaN))));
  const milliseconds = `${median(before).toFixed(1)} ms before, ${median(now).toFixed(1)} now`;
  console.log(`${name}: ${milliseconds}, ratio ${spread(ratiosOf(now, before))}; losses differ by ${apart} at most`);
  for (const { trainer } of sides) {
    await trainer.close();
    await trainer.device.close();
  }
}
