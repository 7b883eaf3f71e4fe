/**
 * How the parametrisations of a model train: the loss at equal tokens over the learning rate, for several numbers of parameter
 * tokens and widths, and over the number of tokens, for several seeds and texts. Cells that the results have are not trained
 * again, so that it goes on where it was stopped; in the end it draws the figures.
 *
 *     npm run bench:parametrisation -- [--cells rates|widths|depths|sizes|transformers|all|none] [--out docs/concepts/parametrisation]
 */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Config,
  type Corpus,
  type Device,
  modelOf,
  openCorpus,
  openDevice,
  parseConfig,
  randomBatch,
  type TokenBatch,
  type TokenSource,
  Trainer,
} from "tokenformer";
import { type Curve, curvesFigure } from "tokenformer/benchmark";
import { givenOf } from "tokenformer/model";
import { learningRateAt, scheduleOf } from "tokenformer/training";
import { z } from "zod";
import { newStart } from "#tokenformer/training";

import { machine } from "./measure.ts";
import { oneOf, parsedOptions } from "./options.ts";

const cellSchema = z.strictObject({
  model: z.enum(["tokenformer", "transformer"]),
  parametrisation: z.enum(["published", "balanced"]),
  /** Parameter tokens of an attention projection; the feed-forward layer has four times as many. Of a TokenFormer alone. */
  tokens: z.int().optional(),
  width: z.int(),
  /** Default: 4. */
  layers: z.int().optional(),
  /** Of a Transformer alone. Default: rotary. */
  positions: z.literal("learned").optional(),
  learningRate: z.number(),
  text: z.enum(["Moby-Dick", "SOTU"]),
  seed: z.int(),
});

type Cell = z.infer<typeof cellSchema>;

const resultsSchema = z.strictObject({
  protocol: z.string(),
  cells: z.array(cellSchema.extend({ loss: z.number(), date: z.string(), machine: z.string() })),
});

const PROTOCOL =
  "4 layers unless a cell says otherwise, 4 heads, context 64, batch 12 × 64, 300 updates, warm-up 60, cosine to a tenth; held-out loss of 24 batches of 16 windows, evenly spaced over the split";

const [STEPS, CONTEXT, BATCH, EVALUATIONS, ROWS] = [300, 64, 12, 24, 16];

const base = { model: "tokenformer", width: 128, text: "Moby-Dick", seed: 1 } as const;

const parametrisations = ["published", "balanced"] as const;

/** The learning rate at which sizes are compared. */
const rateOf = { published: 2e-3, balanced: 1e-3 };

const colourOf = { published: "orange", balanced: "blue" } as const;

/** The learning rates of a curve: the best is not at its edge. */
const ratesOf = { published: [1e-3, 2e-3, 4e-3, 8e-3], balanced: [5e-4, 1e-3, 2e-3] };

/** The learning rates of a Transformer, in the same way. */
const transformerRatesOf = { published: [5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2], balanced: [5e-4, 1e-3, 2e-3, 4e-3] };

const plans: Readonly<Record<string, readonly Cell[]>> = {
  rates: parametrisations.flatMap((parametrisation) =>
    [12, 48, 192].flatMap((tokens) =>
      ratesOf[parametrisation].map((learningRate) => ({ ...base, parametrisation, tokens, learningRate })),
    ),
  ),
  widths: parametrisations.flatMap((parametrisation) =>
    ratesOf[parametrisation].map((learningRate) => ({
      ...base,
      parametrisation,
      tokens: 48,
      width: 256,
      learningRate,
    })),
  ),
  depths: parametrisations.flatMap((parametrisation) =>
    [2, 8].flatMap((layers) =>
      ratesOf[parametrisation].map((learningRate) => ({ ...base, parametrisation, tokens: 48, layers, learningRate })),
    ),
  ),
  sizes: (["Moby-Dick", "SOTU"] as const).flatMap((text) =>
    [1, 2, 3].flatMap((seed) =>
      [12, 48, 192].flatMap((tokens) =>
        parametrisations.map((parametrisation) => ({
          ...base,
          parametrisation,
          tokens,
          text,
          seed,
          learningRate: rateOf[parametrisation],
        })),
      ),
    ),
  ),
  transformers: [{}, { positions: "learned" as const }].flatMap((positions) =>
    parametrisations.flatMap((parametrisation) =>
      transformerRatesOf[parametrisation].map((learningRate) => ({
        ...base,
        model: "transformer" as const,
        ...positions,
        parametrisation,
        learningRate,
      })),
    ),
  ),
};

const { values: options } = parsedOptions({
  options: {
    cells: { type: "string", default: "all" },
    out: { type: "string", default: "docs/concepts/parametrisation" },
  },
});

const wanted = oneOf([...Object.keys(plans), "all", "none"], options.cells, "--cells");
const file = join(options.out, "results.json");
const results = await readResults();
const corpora = new Map<string, Corpus>();
const device = await openDevice("cpu", { threads: 1 });
const planned = wanted === "none" ? [] : wanted === "all" ? Object.values(plans).flat() : (plans[wanted] ?? []);
const missing = planned.filter((cell) => !results.cells.some((known) => isSame(known, cell)));
for (const [index, cell] of missing.entries()) {
  // A cell may be in several plans.
  if (results.cells.some((known) => isSame(known, cell))) continue;
  const loss = await lossOf(cell, device);
  console.log(`${index + 1} of ${missing.length}: ${JSON.stringify(cell)}: ${loss.toFixed(4)}`);
  results.cells.push({ ...cell, loss, date: new Date().toISOString().slice(0, 10), machine });
  await mkdir(options.out, { recursive: true });
  await writeFile(file, `${JSON.stringify(results, null, 1)}\n`);
}
await device.close();
for (const [name, svg] of figures()) await writeFile(join(options.out, name), svg);

async function readResults(): Promise<z.infer<typeof resultsSchema>> {
  try {
    return { ...resultsSchema.parse(JSON.parse(await readFile(file, "utf8"))), protocol: PROTOCOL };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { protocol: PROTOCOL, cells: [] };
    throw error;
  }
}

function isSame(a: Cell, b: Cell): boolean {
  const keys = Object.keys(cellSchema.shape) as (keyof Cell)[];
  return keys.every((key) => a[key] === b[key]);
}

function cellConfig(cell: Cell): Config {
  const {
    model: type,
    parametrisation,
    tokens = 0,
    width,
    layers = 4,
    positions = "rotary",
    learningRate,
    seed,
  } = cell;
  const blocks = { layers, heads: 4, width, context: CONTEXT, tied: true, parametrisation };
  const sites = { query: tokens, key: tokens, value: tokens, projection: tokens, feedForward: 4 * tokens };
  const model =
    type === "tokenformer"
      ? { type, ...blocks, tokens: sites }
      : { type, ...blocks, activation: "gelu", biases: true, positions };
  return parseConfig({ model, training: { steps: STEPS, batch: BATCH, warmup: 60, learningRate, seed } });
}

async function lossOf(cell: Cell, on: Device): Promise<number> {
  const corpus = corpora.get(cell.text) ?? (await openCorpus(cell.text, "character"));
  corpora.set(cell.text, corpus);
  const { config, state } = await newStart(cellConfig(cell), { corpus });
  const { training } = config;
  const given = givenOf(state.config);
  const trainer = await Trainer.create(on, modelOf(state.config), state, { ...training, given, time: CONTEXT });
  for (let step = 0; step < STEPS; step++) {
    const batch = randomBatch(corpus.train, { seed: cell.seed, step, sequences: BATCH, context: CONTEXT });
    const { loss } = await trainer.update([batch], learningRateAt(step, scheduleOf(config)), cell.seed);
    if (!Number.isFinite(loss)) throw new Error(`${JSON.stringify(cell)}: the loss is ${loss} at step ${step}`);
  }
  const { loss } = await trainer.inference.evaluate(spacedBatches(corpus.validation));
  await trainer.close();
  return loss;
}

/** Windows evenly spaced over a source. */
function* spacedBatches(source: TokenSource): Generator<TokenBatch> {
  for (let batch = 0; batch < EVALUATIONS; batch++) {
    const [tokens, targets] = [new Int32Array(ROWS * CONTEXT), new Int32Array(ROWS * CONTEXT)];
    for (let row = 0; row < ROWS; row++) {
      const index = batch * ROWS + row;
      const start = Math.floor((index * (source.length - CONTEXT - 1)) / (EVALUATIONS * ROWS));
      const window = source.read(start, CONTEXT + 1);
      tokens.set(window.subarray(0, CONTEXT), row * CONTEXT);
      targets.set(window.subarray(1), row * CONTEXT);
    }
    yield { tokens, targets, sequences: ROWS, context: CONTEXT };
  }
}

/** The figures as SVG, by the names of their files; only of what has been trained. */
function figures(): Map<string, string> {
  return new Map([
    ["rates.svg", ratesFigure()],
    ["sizes.svg", sizesFigure()],
  ]);
}

function ratesFigure(): string {
  const lines = parametrisations.flatMap((parametrisation) =>
    [
      { tokens: 12, width: 128 },
      { tokens: 48, width: 128 },
      { tokens: 192, width: 128 },
      { tokens: 48, width: 256 },
    ].map(({ tokens, width }, index): Curve => {
      const cells = results.cells.filter((cell) =>
        isSame(cell, { ...base, parametrisation, tokens, width, learningRate: cell.learningRate }),
      );
      const points = cells
        .map(({ learningRate, loss }) => ({ x: learningRate, y: loss }))
        .toSorted((a, b) => a.x - b.x);
      const name = `${parametrisation} ${tokens}/${4 * tokens}${width === 128 ? "" : `, width ${width}`}`;
      const colour = colourOf[parametrisation];
      return { name, colour, strength: (index + 2) / 5, dashed: width !== 128, points };
    }),
  );
  return curvesFigure({
    description:
      "Held-out loss after 300 updates against the learning rate, by parametrisation, parameter tokens and width",
    xLabel: "highest learning rate",
    xFormat: (rate) => rate.toExponential(0),
    yLabel: "held-out loss, nats per character",
    curves: lines.filter(({ points }) => points.length > 1),
  });
}

function sizesFigure(): string {
  const lines = parametrisations.flatMap((parametrisation) =>
    (["Moby-Dick", "SOTU"] as const).map((text): Curve => {
      const points = [12, 48, 192].flatMap((tokens) => {
        const losses = results.cells.flatMap((cell) => {
          const like = {
            ...base,
            parametrisation,
            tokens,
            text,
            learningRate: rateOf[parametrisation],
            seed: cell.seed,
          };
          return isSame(cell, like) ? [cell.loss] : [];
        });
        return losses.length === 0
          ? []
          : [{ x: tokens, y: losses.reduce((sum, loss) => sum + loss, 0) / losses.length }];
      });
      const colour = colourOf[parametrisation];
      return {
        name: `${parametrisation}, ${text}`,
        colour,
        strength: 0.9,
        dashed: text === "SOTU",
        points,
      };
    }),
  );
  return curvesFigure({
    description: "Held-out loss after 300 updates against the parameter tokens of an attention projection",
    xLabel: "parameter tokens of an attention projection",
    xFormat: (value) => String(Math.round(value)),
    yLabel: "held-out loss, nats per character",
    curves: lines.filter(({ points }) => points.length > 1),
  });
}
