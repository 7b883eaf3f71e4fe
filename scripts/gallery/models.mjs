// The grown models of the studio's gallery, as they lie in studio/public/gallery/models: `npm run generate:gallery-models [key…]`, after
// a build. Each is trained from scratch on a text of the gallery, grows twice on the way, and is kept as the studio's own archive is,
// with its curve and what it wrote, but with weights as float16 and without the optimiser's moments. Minutes each on two cores.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { zipSync } from "fflate";
import { measureUsage, usageByGeneration } from "../../dist/analysis/index.js";
import { checkpointFiles } from "../../dist/checkpoint/portable.js";
import {
  CharacterTokenizer,
  createCorpus,
  Decoder,
  generate,
  memoryTokens,
  openDevice,
  parseConfig,
  Run,
} from "../../dist/index.js";
import { writeSafetensors } from "../../dist/public/formats.js";
import { sites } from "../../dist/public/model.js";
import { consecutiveBatches } from "../../dist/text/index.js";
import { writeFacts } from "./facts.mjs";

const root = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const shipped = async (key) =>
  gunzipSync(await readFile(root(`studio/public/gallery/texts/${key}.txt.gz`))).toString("utf8");

/** Doubles all sites at a step. */
const double = (step) => ({
  // As when the models were made.
  newRate: 1,
  step,
  add: { query: "x2", key: "x2", value: "x2", projection: "x2", feedForward: "x2" },
});

/** A model of two blocks, which ends with four times the parameter tokens that it begins with. */
const MODELS = {
  play: {
    name: "A play by rules",
    text: () => shipped("play"),
    sizes: { width: 48, heads: 4, context: 96, attention: 12, feedForward: 48 },
    training: { steps: 1600, batch: 16, learningRate: 4e-3 },
    growth: [300, 700],
  },
  "first-names": {
    name: "First names",
    text: () => shipped("first-names"),
    sizes: { width: 32, heads: 4, context: 32, attention: 8, feedForward: 32 },
    training: { steps: 2500, batch: 24, learningRate: 4e-3 },
    growth: [400, 1000],
  },
  "tang-quatrains": {
    name: "Tang quatrains",
    text: () => shipped("tang-quatrains"),
    sizes: { width: 32, heads: 4, context: 66, attention: 8, feedForward: 32, dropout: 0.1 },
    training: { steps: 1500, batch: 24, learningRate: 3e-3 },
    growth: [300, 700],
  },
};

function configOf({ sizes: { attention, feedForward, ...sizes }, training, growth }) {
  const tokens = { query: attention, key: attention, value: attention, projection: attention, feedForward };
  return parseConfig({
    model: { type: "tokenformer", layers: 2, ...sizes, tokens, tied: true, parametrisation: "balanced" },
    training: {
      ...training,
      schedule: "warmup-stable-decay",
      warmup: 50,
      evaluateEvery: 100,
      evaluationTokens: 8192,
      checkpointEvery: 0,
      keepBest: false,
      seed: 1,
    },
    growth: growth.map(double),
  });
}

/** Updates that become one point of the curve, and between two samples. */
const POINT = 25;
const SAMPLE = 250;

async function trained(key, model, device) {
  const text = await model.text();
  const tokenizer = CharacterTokenizer.fromText(text);
  const corpus = createCorpus(model.name, tokenizer, memoryTokens(tokenizer.encode(text)));
  const run = await Run.create({ config: configOf(model), corpus, device });
  const records = [];
  let [loss, events] = [0, 0];
  const look = async () => {
    const { step } = run.trainer;
    records.push({ step, sample: await sampleOf(run) });
    const usage = await usageOf(run);
    if (usage !== undefined) records.push({ step, usage });
  };
  for await (const { type, ...event } of run.events()) {
    if (type === "step") {
      loss += event.loss;
      if (++events === POINT) {
        records.push({ ...event, loss: loss / events });
        [loss, events] = [0, 0];
      }
      if (event.step % SAMPLE === 0 || event.step === 20) await look();
    }
    if (type === "validation") {
      records.push(event);
      if (event.step % 500 === 0) console.log(`${key} step ${event.step}: ${event.validationLoss.toFixed(3)}`);
    }
    if (type === "growth") {
      const { step, ...growth } = event;
      records.push({ step, growth });
      console.log(`${key} step ${step}: ${growth.summary}, largest change of a logit ${growth.maxLogitDifference}`);
      await look();
    }
  }
  console.log(`${key} writes: ${await sampleOf(run)}`);
  const checkpoint = await run.checkpoint();
  await run.close();
  return { checkpoint, records };
}

/** What the studio asks for when a model writes by itself. */
async function sampleOf(run) {
  const decoder = await Decoder.open(run.trainer.inference, { context: run.context, freeze: false });
  let written = "";
  const options = { prompt: "", tokens: 160, temperature: 0.8, topP: 0.95, seed: run.trainer.step };
  for await (const text of generate(decoder, run.corpus.tokenizer, options)) written += text;
  await decoder.release();
  return written;
}

async function usageOf({ config: { model }, trainer: { lineage, inference }, corpus, context }) {
  if (![...lineage.values()].some((generations) => generations.length > 1)) return undefined;
  const batches = consecutiveBatches(corpus.validation, { context, maxTokens: 16 * context });
  const { all } = usageByGeneration(sites(model), lineage, await measureUsage(inference, batches));
  return all.map(({ gradientNorm: _, ...share }) => share);
}

async function archive(key, { checkpoint, records }) {
  const { moments: _, ...state } = checkpoint.state;
  const files = await checkpointFiles({ ...checkpoint, state: { ...state, moments: undefined } });
  files.delete("optimizer.safetensors");
  files.set("model.safetensors", await halves(state.parameters));
  const lines = records.toSorted((a, b) => a.step - b.step).map((record) => `${JSON.stringify(rounded(record))}\n`);
  files.set("metrics.jsonl", new TextEncoder().encode(lines.join("")));
  // Of a fixed time, so that the same model is the same file.
  const zip = zipSync(Object.fromEntries(files), { level: 9, mtime: "2026-01-01T00:00:00" });
  await writeFile(root(`studio/public/gallery/models/${key}.zip`), zip);
  console.log(`${key}: ${zip.length} bytes`);
}

async function halves(parameters) {
  const folder = await mkdtemp(join(tmpdir(), "gallery-model-"));
  try {
    const file = join(folder, "model.safetensors");
    await writeSafetensors(file, parameters, { dtype: "F16", metadata: { format: "tokenformer" } });
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Six digits of each number, which is more than a curve shows. */
const rounded = (record) =>
  JSON.parse(JSON.stringify(record, (_, value) => (typeof value === "number" ? Number(value.toPrecision(6)) : value)));

const asked = process.argv.slice(2);
const device = await openDevice("cpu", { threads: 1 });
for (const key of asked.length > 0 ? asked : Object.keys(MODELS))
  await archive(key, await trained(key, MODELS[key], device));
await device.close();
await writeFacts();
