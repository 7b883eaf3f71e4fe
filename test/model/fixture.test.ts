/** A checkpoint in the published layout, with what an independent float64 implementation makes of it. */

import { expect, it } from "vitest";
import { z } from "zod";
import { readJson, readSafetensors } from "../../src/formats/index.ts";
import type { HostArray } from "../../src/growth/index.ts";
import { type Complete, modelSchema, parametersOf } from "../../src/model/index.ts";
import { required } from "../../src/required.ts";
import { useDevice } from "../support/device.ts";
import { evaluated, lossGradients } from "../support/models.ts";
import { expectClose, type Values, values } from "../support/values.ts";

const device = useDevice();
const fixture = (file: string) => new URL(`../fixtures/tokenformer-l2-norm-gelu/${file}`, import.meta.url).pathname;

const parsed = modelSchema.parse({
  type: "tokenformer",
  vocabulary: 128,
  context: 16,
  layers: 2,
  heads: 4,
  width: 32,
  tied: true,
  tokens: { query: 24, key: 24, value: 24, projection: 20, feedForward: 48 },
});
const config: Complete = { ...parsed, vocabulary: 128 };

/** Our name of a parameter → the published one. */
function publishedName(name: string): string {
  if (name === "embedding.tokens") return "sequential.0.word_embeddings.weight";
  if (name.startsWith("finalNorm.")) return `sequential.5.norm.${name.endsWith(".scale") ? "weight" : "bias"}`;
  const found = /^blocks\.(\d)\.(?:attention\.)?(\w+)\.(key|value)s$/.exec(name);
  if (found === null) throw new Error(`no published name for ${name}`);
  const [, layer, site = "", kind] = found;
  const place = site === "feedForward" ? "mlp" : `attention.${site === "projection" ? "proj" : site}`;
  return `sequential.${Number(layer) + 2}.${place}.${kind}_param_tokens`;
}

const expectedSchema = z.object({
  input_ids: z.array(z.array(z.int())),
  target_ids: z.array(z.array(z.int())),
  loss: z.number(),
});

async function load() {
  const { tensors: weights } = await readSafetensors(fixture("model.safetensors"));
  const { tensors: results } = await readSafetensors(fixture("expected.safetensors"));
  const expected = await readJson(fixture("expected.json"), expectedSchema);
  const named = parametersOf(config).map(({ name }) => [name, publishedName(name)] as const);
  expect(new Set(named.map(([, published]) => published))).toEqual(new Set(weights.keys()));
  const parameters = new Map(named.map(([name, published]) => [name, float(required(weights, published))]));
  const batch = {
    tokens: Int32Array.from(expected.input_ids.flat()),
    targets: Int32Array.from(expected.target_ids.flat()),
    sequences: 2,
    context: 16,
  };
  return { weights: { config, parameters }, batch, results, loss: expected.loss };
}

function float({ shape, data }: { shape: readonly number[]; data: ArrayLike<number | bigint> }): HostArray {
  return { shape, data: Float32Array.from(Array.from<number | bigint, number>(data, Number)) };
}

const asValues = (tensor: Parameters<typeof float>[0]): Values => values(tensor.shape, [...float(tensor).data]);

it("gives its logits and its loss", async () => {
  const { weights, batch, results, loss } = await load();
  const found = await evaluated(device(), weights, batch);
  expectClose(found.logits, asValues(required(results, "logits")), 1e-5);
  expect(Math.abs(found.loss - loss)).toBeLessThan(1e-5 * loss);
});

it("gives every gradient", async () => {
  const { weights, batch, results } = await load();
  const found = await lossGradients(device(), weights, batch);
  expect(found.size).toBe(results.size - 1); // all but the logits
  for (const [name, gradient] of found) {
    expectClose(gradient, asValues(required(results, `grad.${publishedName(name)}`)), 1e-5, name);
  }
});
