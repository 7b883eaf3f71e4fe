/**
 * What the updates after a growth make of the held-out loss: each preset that a laptop trains is grown to twice its tokens in the
 * middle of its run, by the default plan or another, beside the same run that is not grown.
 *
 *     npm run bench:growth-loss -- [--plan '{"newRate": 4, "newWarmup": 50}'] [--out docs/concepts/parametrisation]
 */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Checkpoint,
  type Config,
  type Corpus,
  type Device,
  openCorpus,
  openDevice,
  parseConfig,
  presets,
  Run,
} from "tokenformer";
import { type Curve, curvesFigure } from "tokenformer/benchmark";
import { machine } from "./measure.ts";
import { parsedOptions } from "./options.ts";

/** Updates before the growth, and after it when the loss is measured. */
const [GROWN_AFTER, MEASURED] = [200, [1, 5, 10, 20, 40, 100, 200, 400]];

const EVALUATION = { evaluateEvery: 0, evaluationTokens: 32_768, checkpointEvery: 0, keepBest: false };

const add = { query: "x2", key: "x2", value: "x2", projection: "x2", feedForward: "x2" };

/** As the studio's first model: a small one, at a constant rate. */
const studio = {
  model: {
    ...presets.mini.config.model,
    layers: 2,
    width: 64,
    tokens: { query: 64, key: 64, value: 64, projection: 64, feedForward: 256 },
  },
  training: { ...presets.mini.config.training, schedule: "constant", warmup: 20 },
};

const subjects: readonly (readonly [name: string, config: unknown])[] = [
  ["mini", presets.mini.config],
  ["nanogpt-cpu", presets["nanogpt-cpu"].config],
  ["studio", studio],
];

const { values: options } = parsedOptions({
  options: {
    plan: { type: "string", default: "{}" },
    out: { type: "string", default: "docs/concepts/parametrisation" },
  },
});
const plan: { readonly newRate?: number; readonly newWarmup?: number } = JSON.parse(options.plan);

const corpus = await openCorpus("Moby-Dick", "character");
const device = await openDevice("cpu", { threads: 1 });
const results: { preset: string; before: number; grown: Loss[]; notGrown: Loss[] }[] = [];
for (const [preset, input] of subjects) {
  const config = parseConfig(withEvaluation(input), preset);
  const checkpoint = await trainedTo(config, corpus, device);
  const { losses: grown, before } = await lossesAfter(checkpoint, corpus, device, true);
  const { losses: notGrown } = await lossesAfter(checkpoint, corpus, device, false);
  results.push({ preset, before: before ?? Number.NaN, grown, notGrown });
  console.log(JSON.stringify(results.at(-1)));
}
await device.close();
await mkdir(options.out, { recursive: true });
const date = new Date().toISOString().slice(0, 10);
const told = { date, machine, plan, grownAfter: GROWN_AFTER, evaluationTokens: EVALUATION.evaluationTokens, results };
await writeFile(join(options.out, "growth-loss.json"), `${JSON.stringify(told, null, 1)}\n`);
await writeFile(join(options.out, "growth-loss.svg"), figure());

interface Loss {
  readonly updates: number;
  readonly loss: number;
}

function withEvaluation(input: unknown): unknown {
  const { training, ...others } = { training: {}, ...(typeof input === "object" ? input : {}) };
  return { ...others, training: { ...training, ...EVALUATION } };
}

async function trainedTo(config: Config, text: Corpus, on: Device): Promise<Checkpoint> {
  const run = await Run.create({ config, corpus: text, device: on });
  try {
    for await (const event of run.events()) if (event.type === "step" && event.step === GROWN_AFTER) break;
    return await run.checkpoint();
  } finally {
    await run.close();
  }
}

/** The held-out losses from a checkpoint on, and that before a growth at its beginning. */
async function lossesAfter(
  checkpoint: Checkpoint,
  text: Corpus,
  on: Device,
  grows: boolean,
): Promise<{ readonly before: number | undefined; readonly losses: Loss[] }> {
  const { step } = checkpoint.state;
  const training = { ...checkpoint.config.training, evaluateAt: MEASURED.map((updates) => step + updates) };
  const run = await Run.resume(checkpoint, { config: { ...checkpoint.config, training }, corpus: text, device: on });
  const losses: Loss[] = [];
  try {
    const growth = grows ? await run.grow({ add, ...plan }) : undefined;
    for await (const event of run.events()) {
      if (event.type !== "validation" || event.step === step) continue;
      losses.push({ updates: event.step - step, loss: event.validationLoss });
      if (losses.length === MEASURED.length) break;
    }
    return { before: growth?.lossBefore ?? undefined, losses };
  } finally {
    await run.close();
  }
}

/** By how much the loss has changed since before the growth. */
function figure(): string {
  const curves = results.flatMap(({ preset, before, grown, notGrown }, index) =>
    (
      [
        ["", grown, "blue"],
        [", not grown", notGrown, "orange"],
      ] as const
    ).map(
      ([name, losses, colour]): Curve => ({
        name: `${preset}${name}`,
        colour,
        strength: (index + 2) / 4,
        points: losses.map(({ updates, loss }) => ({ x: updates, y: loss - before })),
      }),
    ),
  );
  return curvesFigure({
    description:
      "How much the held-out loss has changed since before a growth to twice the tokens, by updates after it",
    xLabel: "updates after the growth",
    xFormat: (value) => String(Math.round(value)),
    yLabel: "change of the held-out loss, nats per character",
    curves,
  });
}
