/** What `ranks.ts` starts: a process, or ranks, that measure something and of which the first prints it as JSON. */

import { countParameters, openCorpus, openRun, parseConfig, presetNames, presets } from "tokenformer";
import { type Communicator, gatherNumbers, joinRanks, sharedArray } from "tokenformer/training";
import { bytesAnUpdate } from "#tokenformer/training";
import { median } from "./measure.ts";
import { countOf, oneOf, parsedOptions } from "./options.ts";

const { values: options, positionals } = parsedOptions({
  allowPositionals: true,
  options: {
    preset: { type: "string", default: "mini" },
    steps: { type: "string", default: "20" },
    batch: { type: "string" },
    context: { type: "string" },
    "warm-up": { type: "string", default: "3" },
    "local-steps": { type: "string", default: "1" },
    wire: { type: "string", default: "float32" },
    order: { type: "string", default: "fixed" },
    megabytes: { type: "string", default: "100" },
  },
});

/** Steps before those that are timed. */
const WARM_UP = countOf(options["warm-up"], "--warm-up");

/** Trains, and gives the milliseconds of each step and the largest memory of a rank in MiB, at the end and ever. */
async function train(communicator: Communicator | undefined, threads: number | undefined) {
  const preset = presets[oneOf(presetNames, options.preset, "--preset")];
  const steps = WARM_UP + countOf(options.steps, "--steps");
  const batch = options.batch === undefined ? {} : { batch: countOf(options.batch, "--batch") };
  const context = options.context === undefined ? {} : { context: countOf(options.context, "--context") };
  const localSteps = countOf(options["local-steps"], "--local-steps");
  const communicationDtype = oneOf(["float32", "bfloat16"], options.wire, "--wire");
  // Of rounds that end with an exchange, and one more, so that what ends a run is not among them.
  const rounded = localSteps * (Math.ceil(steps / localSteps) + 1);
  const quiet = { steps: rounded, evaluateEvery: 0, evaluateAt: [], checkpointEvery: 0, evaluationTokens: 2048 };
  const config = parseConfig({
    ...preset.config,
    model: { ...preset.config.model, ...context },
    training: { ...preset.config.training, ...batch, ...quiet, localSteps, communicationDtype },
    tokenizer: "character",
    growth: [],
  });
  const corpus = await openCorpus("Moby-Dick", "character");
  const run = await openRun({ config, data: corpus, communicator, threads });
  const milliseconds: number[] = [];
  for await (const event of run.events()) {
    if (event.type !== "step") continue;
    milliseconds.push((1000 * config.training.batch * config.model.context) / event.tokensPerSecond);
    if (event.step === steps) break;
  }
  const own = [process.memoryUsage().rss / 2 ** 20, process.resourceUsage().maxRSS / 1024];
  const memory = communicator === undefined ? [own] : await gatherNumbers(communicator, own);
  const parameters = countParameters(run.config.model).total;
  const bytes = communicator === undefined ? 0 : bytesAnUpdate(run.config, parameters, communicator.size);
  await run.close();
  const largest = (place: number) => Math.max(...memory.map((of) => of[place] ?? 0));
  const sizes = { parameters, bytes, mebibytes: largest(0), peakMebibytes: largest(1) };
  return { milliseconds: milliseconds.slice(WARM_UP), ...sizes };
}

/** All-reduces an array some times, and gives the milliseconds that each took. */
async function allReduce(communicator: Communicator | undefined) {
  if (communicator === undefined) throw new Error("an all-reduce takes ranks");
  const values = sharedArray((countOf(options.megabytes, "--megabytes") * 1e6) / Float32Array.BYTES_PER_ELEMENT);
  values.fill(communicator.rank + 1);
  const milliseconds: number[] = [];
  for (let turn = 0; turn < WARM_UP + countOf(options.steps, "--steps"); turn++) {
    await communicator.barrier();
    const startedAt = performance.now();
    await communicator.allReduce(values);
    milliseconds.push(performance.now() - startedAt);
  }
  return { milliseconds: milliseconds.slice(WARM_UP), mebibytes: 0, peakMebibytes: 0 };
}

/** Waits for the others some times, and gives the milliseconds that each took. */
async function barriers(communicator: Communicator | undefined) {
  if (communicator === undefined) throw new Error("a barrier takes ranks");
  const milliseconds: number[] = [];
  for (let turn = 0; turn < WARM_UP + countOf(options.steps, "--steps"); turn++) {
    const startedAt = performance.now();
    await communicator.barrier();
    milliseconds.push(performance.now() - startedAt);
  }
  return { milliseconds: milliseconds.slice(WARM_UP) };
}

const order = oneOf(["fixed", "library"], options.order, "--order");
const ranks = await joinRanks({ order });
const measure = {
  "all-reduce": () => allReduce(ranks?.communicator),
  barrier: () => barriers(ranks?.communicator),
  train: () => train(ranks?.communicator, ranks?.threads),
}[oneOf(["all-reduce", "barrier", "train"], positionals[0] ?? "train", "measure")];
const { milliseconds, ...memory } = await measure();
if ((ranks?.communicator.rank ?? 0) === 0) {
  const mean = milliseconds.reduce((sum, value) => sum + value, 0) / milliseconds.length;
  process.stdout.write(`${JSON.stringify({ median: median(milliseconds), mean, ...memory })}\n`);
}
await ranks?.leave();
