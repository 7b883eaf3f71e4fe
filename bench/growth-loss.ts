/**
 * What the updates after a growth make of the held-out loss: each preset that a laptop trains is grown to twice its tokens in the
 * middle of its run, by the default plan or another, beside the same run that is not grown; and again, by a run that has grown once.
 * What is in the file already of other presets and plans stays there, and is in the figure where the plan is the same.
 *
 *     npm run bench:growth-loss -- [--plan '{"newRate": 4, "newWarmup": 50}'] [--presets mini,lecture] [--out docs/concepts/parametrisation]
 */

import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
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
import { z } from "zod";
import { machine } from "./measure.ts";
import { parsedOptions, someOf } from "./options.ts";

/** Updates before the growth, before another one where it is the second, and after it when the loss is measured. */
const [GROWN_AFTER, GROWN_BEFORE, MEASURED] = [200, 100, [1, 5, 10, 20, 40, 100, 200, 400]];

const EVALUATION = { evaluateEvery: 0, evaluationTokens: 32_768, checkpointEvery: 0, keepBest: false };

const add = { query: "x2", key: "x2", value: "x2", projection: "x2", feedForward: "x2" };

const lossesSchema = z.array(z.strictObject({ updates: z.int(), loss: z.number() }));

type Losses = z.infer<typeof lossesSchema>;

/** Which of a run's growths was measured. */
const growths = [1, 2] as const;

const resultSchema = z.strictObject({
  preset: z.string(),
  growth: z.literal(growths),
  plan: z.looseObject({ newRate: z.number().optional(), newWarmup: z.number().optional() }),
  date: z.string(),
  machine: z.string(),
  /** The loss just before the growth. */
  before: z.number(),
  grown: lossesSchema,
  notGrown: lossesSchema,
});

type Result = z.infer<typeof resultSchema>;

/** As the studio's smallest model, Tiny, at a constant rate. */
const studio = {
  model: {
    ...presets.mini.config.model,
    layers: 2,
    width: 64,
    tokens: { query: 64, key: 64, value: 64, projection: 64, feedForward: 256 },
  },
  training: { ...presets.mini.config.training, schedule: "constant", warmup: 20 },
};

/** Each with how many updates after the growth are of interest: an update of `lecture` takes seconds. */
const subjects = {
  mini: { config: presets.mini.config, until: 400 },
  "nanogpt-cpu": { config: presets["nanogpt-cpu"].config, until: 400 },
  studio: { config: studio, until: 400 },
  lecture: { config: presets.lecture.config, until: 20 },
} as const;

const { values: options } = parsedOptions({
  options: {
    plan: { type: "string", default: "{}" },
    presets: { type: "string", default: Object.keys(subjects).join(",") },
    out: { type: "string", default: "docs/concepts/parametrisation" },
  },
});
const plan = resultSchema.shape.plan.parse(JSON.parse(options.plan));

const corpus = await openCorpus("Moby-Dick", "character");
const device = await openDevice("cpu", { threads: 1 });
const asked = someOf(["mini", "nanogpt-cpu", "studio", "lecture"], options.presets, "--presets");
const date = new Date().toISOString().slice(0, 10);
const measuredNow: Result[] = [];
for (const preset of asked) {
  const { config: input, until } = subjects[preset];
  for (const growth of growths) {
    const earlier = growth === 1 ? [] : [{ step: GROWN_BEFORE, add, ...plan }];
    const config = parseConfig({ ...withEvaluation(input), growth: earlier }, preset);
    const checkpoint = await trainedTo(config, corpus, device);
    const measured = MEASURED.filter((updates) => updates <= until);
    const { losses: grown, before } = await lossesAfter(checkpoint, corpus, device, measured, true);
    const { losses: notGrown } = await lossesAfter(checkpoint, corpus, device, measured, false);
    measuredNow.push({ preset, growth, plan, date, machine, before: before ?? Number.NaN, grown, notGrown });
    console.log(JSON.stringify(measuredNow.at(-1)));
  }
}
await device.close();
await mkdir(options.out, { recursive: true });
const file = join(options.out, "growth-loss.json");
const results = [...(await othersIn(file)), ...measuredNow];
const terms = { grownAfter: GROWN_AFTER, grownBefore: GROWN_BEFORE, evaluationTokens: EVALUATION.evaluationTokens };
await writeFile(file, `${JSON.stringify({ ...terms, results }, null, 1)}\n`);
await writeFile(
  join(options.out, "growth-loss.svg"),
  figure(results.filter((one) => isDeepStrictEqual(one.plan, plan))),
);

/** What a file has of others than were measured now. */
async function othersIn(file: string): Promise<Result[]> {
  if (!existsSync(file)) return [];
  const known = z.object({ results: z.array(resultSchema) }).parse(JSON.parse(await readFile(file, "utf8")));
  const nameOf = ({ preset, growth, plan }: Result) => [preset, growth, plan];
  return known.results.filter((one) => !measuredNow.some((own) => isDeepStrictEqual(nameOf(own), nameOf(one))));
}

function withEvaluation(input: unknown): object {
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
  measured: readonly number[],
  grows: boolean,
): Promise<{ readonly before: number | undefined; readonly losses: Losses }> {
  const { step } = checkpoint.state;
  const training = { ...checkpoint.config.training, evaluateAt: measured.map((updates) => step + updates) };
  const run = await Run.resume(checkpoint, { config: { ...checkpoint.config, training }, corpus: text, device: on });
  const losses: Losses = [];
  try {
    const growth = grows ? await run.grow({ add, ...plan }) : undefined;
    for await (const event of run.events()) {
      if (event.type !== "validation" || event.step === step) continue;
      losses.push({ updates: event.step - step, loss: event.validationLoss });
      if (losses.length === measured.length) break;
    }
    return { before: growth?.lossBefore ?? undefined, losses };
  } finally {
    await run.close();
  }
}

/** By how much the loss has changed since before the growth. */
function figure(results: readonly Result[]): string {
  const names = Object.keys(subjects).filter((name) => results.some(({ preset }) => preset === name));
  const curves = results.flatMap(({ preset, growth, before, grown, notGrown }) => {
    const curve = (name: string, colour: Curve["colour"], losses: Losses): Curve => ({
      name: `${preset}${name}`,
      colour,
      strength: (names.indexOf(preset) + 2) / (names.length + 1),
      dashed: growth === 2,
      points: losses.map(({ updates, loss }) => ({ x: updates, y: loss - before })),
    });
    return growth === 2
      ? [curve(", again", "blue", grown)]
      : [curve("", "blue", grown), curve(", not grown", "orange", notGrown)];
  });
  return curvesFigure({
    description:
      "How much the held-out loss has changed since before a growth to twice the tokens, by updates after it",
    xLabel: "updates after the growth",
    xFormat: (value) => String(Math.round(value)),
    yLabel: "change of the held-out loss, nats per character",
    curves,
  });
}
