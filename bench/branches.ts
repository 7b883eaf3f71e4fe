/**
 * How large branches are beside the residual stream when training begins: the root mean square of what each half of the last block adds,
 * over that of the embeddings, beside what `docs/concepts/parametrisation.md` derives. Text: Moby-Dick by characters.
 *
 *     npm run bench:branches -- [--out docs/concepts/parametrisation/branches.json]
 */

import { writeFile } from "node:fs/promises";
import { Inference, modelOf, openCorpus, openDevice, parseConfig, randomBatch } from "tokenformer";
import { givenOf } from "tokenformer/model";
import { uploadArrays } from "tokenformer/training";
import { newStart } from "#tokenformer/training";
import { machine } from "./measure.ts";
import { parsedOptions } from "./options.ts";

const { values: options } = parsedOptions({ options: { out: { type: "string" } } });

/** Tokens of an attention projection; the feed-forward layer has four times as many. */
const sizes = [
  { tokens: 12, width: 128, layers: 4 },
  { tokens: 48, width: 128, layers: 4 },
  { tokens: 192, width: 128, layers: 4 },
  { tokens: 48, width: 256, layers: 4 },
  { tokens: 48, width: 128, layers: 2 },
  { tokens: 48, width: 128, layers: 8 },
];
const CONTEXT = 64;
const corpus = await openCorpus("Moby-Dick", "character");
const device = await openDevice("cpu", { threads: 1 });
const rows = [];
for (const size of sizes) {
  for (const parametrisation of ["published", "balanced"] as const) {
    rows.push({
      ...size,
      parametrisation,
      ...(await branchesOf(size, parametrisation)),
      expected: expectedOf(size, parametrisation),
    });
  }
}
await device.close();
console.log(machine);
console.log(
  "| tokens, width, layers | parametrisation | attention | feed-forward | derived |\n| --- | --- | --- | --- | --- |",
);
for (const { tokens, width, layers, parametrisation, attention, feedForward, expected } of rows) {
  const derived = expected.map((value) => value.toFixed(2)).join(" and ");
  console.log(
    `| ${tokens}/${4 * tokens}, ${width}, ${layers} | ${parametrisation} | ${attention.toFixed(2)} | ${feedForward.toFixed(2)} | ${derived} |`,
  );
}
if (options.out !== undefined) {
  const told = { date: new Date().toISOString().slice(0, 10), machine, rows };
  await writeFile(options.out, `${JSON.stringify(told, null, 1)}\n`);
}

interface Size {
  readonly tokens: number;
  readonly width: number;
  readonly layers: number;
}

/** Of attention and of the feed-forward layer, in the last block. */
async function branchesOf({ tokens, width, layers }: Size, parametrisation: "published" | "balanced") {
  const sites = { query: tokens, key: tokens, value: tokens, projection: tokens, feedForward: 4 * tokens };
  const model = {
    type: "tokenformer",
    layers,
    heads: 4,
    width,
    context: CONTEXT,
    tied: true,
    parametrisation,
    tokens: sites,
  };
  const { state } = await newStart(parseConfig({ model }), { corpus });
  const parameters = await uploadArrays(device, state.parameters);
  const inference = new Inference(device, modelOf(state.config), parameters, givenOf(state.config));
  const batch = randomBatch(corpus.train, { seed: 1, step: 1, sequences: 12, context: CONTEXT });
  const paths = ["attention", "feedForward"].map((part) => `blocks.${layers - 1}.${part}.branch`);
  const records = await inference.records(batch.tokens, [12, CONTEXT], paths);
  const embedded = rootMeanSquare(state.parameters.get("embedding.tokens")?.data);
  const [attention = Number.NaN, feedForward = Number.NaN] = paths.map(
    (path) => rootMeanSquare(records.get(path)?.data) / embedded,
  );
  await inference.release();
  await device.dispose(parameters.values());
  return { attention, feedForward };
}

/** By the derivation: balanced 2 / √L, published (2 / L) √(0.425 n / D) over embeddings of 0.02. */
function expectedOf({ tokens, width, layers }: Size, parametrisation: "published" | "balanced"): number[] {
  if (parametrisation === "balanced") return [2 / Math.sqrt(layers)];
  return [tokens, 4 * tokens].map((n) => ((2 / layers) * Math.sqrt((0.425 * n) / width)) / 0.02);
}

function rootMeanSquare(data: Iterable<number | bigint> = []): number {
  const numbers = [...data].map(Number);
  return Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0) / numbers.length);
}
