/** The use of parameter tokens, against the same numbers by the formula in float64. */

import { beforeAll, describe, expect, it } from "vitest";
import { measureUsage, tokenGradientNorms, usageByGeneration } from "../../src/analysis/index.ts";
import { grow, growthPlanSchema } from "../../src/growth/index.ts";
import { Inference, uploadArrays } from "../../src/inference/index.ts";
import { type CompleteModelConfig, givenOf, modelOf, rotaryChannels, sites } from "../../src/model/index.ts";
import { pattentionActivations } from "../../src/nn/index.ts";
import { required } from "../../src/required.ts";
import { referenceLogits } from "../model/reference-models.ts";
import { useDevice } from "../support/device.ts";
import {
  arrayValues,
  drawnBatch,
  drawnParameters,
  lossGradients,
  modelState,
  sitePathsOf,
  tinyTokenFormer,
  type Weights,
} from "../support/models.ts";
import * as reference from "../support/reference.ts";
import { expectClose, values } from "../support/values.ts";

const device = useDevice();
const batches = [drawnBatch("usage", [3, 5], 13), drawnBatch("usage, shorter", [2, 4], 13)] as const;

async function using<Result>({ config, parameters }: Weights, use: (inference: Inference) => Promise<Result>) {
  const uploaded = await uploadArrays(device(), parameters);
  const inference = new Inference(device(), modelOf(config), uploaded, givenOf(config));
  const result = await use(inference);
  await inference.release();
  await device().dispose(uploaded.values());
  return result;
}

/** Rows of Θ(A) of each site over all batches. */
function referenceWeights({ config, parameters }: Weights): Map<string, reference.Row[]> {
  if (config.type !== "tokenformer") throw new Error("no TokenFormer");
  const rows = new Map<string, reference.Row[]>();
  const tau = givenOf(config);
  const onSite = (path: string, x: reference.Matrix) => {
    const scores = reference.timesTransposed(x, reference.matrix(required(parameters, `${path}.keys`)));
    const weights = scores.map((row) => reference.theta(config.activation, row, tau.get(`${path}.tau`) ?? Number.NaN));
    rows.set(path, [...(rows.get(path) ?? []), ...weights]);
  };
  const taus = new Map([...tau].map(([name, value]) => [name.replace(".tau", ""), value]));
  for (const { tokens, context } of batches) {
    for (const sequence of reference.parts([...tokens], context)) {
      referenceLogits(config, parameters, sequence, { rotary: rotaryChannels(config), tau: taus, onSite });
    }
  }
  return rows;
}

/** Sequences of several documents, of which some targets count. */
const ofDocuments = {
  ...batches[0],
  documents: Int32Array.of(0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 0, 1, 1, 2, 2),
  weights: Float32Array.of(0, 1, 0, 1, 1, 0, 0, 1, 1, 0, 1, 0, 1, 0, 0),
};

/** The same documents, each alone. */
function documentsOf({ tokens, targets, sequences, context, documents }: typeof ofDocuments) {
  const numbers = [...documents].map((document, at) => Math.floor(at / context) * context + document);
  expect(numbers).toHaveLength(sequences * context);
  return [...new Set(numbers)].map((number) => {
    const [from, to] = [numbers.indexOf(number), numbers.lastIndexOf(number) + 1];
    return {
      tokens: tokens.slice(from, to),
      targets: targets.slice(from, to),
      sequences: 1,
      context: to - from,
    };
  });
}

const norm = (row: reference.Row) => Math.sqrt(reference.total(row.map((x) => x * x)));

describe.each(pattentionActivations)("with %s", (activation) => {
  const tau = { query: 2, key: 2.25, value: [3, 2], projection: 1.5, feedForward: 3.5 } as const;
  const config: CompleteModelConfig = { ...tinyTokenFormer, activation, tau: { ...tau, value: [3, 2] } };
  const weights = { config, parameters: drawnParameters(config) };

  it("the mass and the contribution are means over every token of the text", async () => {
    const usage = await using(weights, (inference) => measureUsage(inference, batches));
    expect([...usage.keys()]).toEqual(sitePathsOf(config));
    for (const [path, rows] of referenceWeights(weights)) {
      expect(rows).toHaveLength(3 * 5 + 2 * 4);
      const mass = reference.transposed(rows).map((column) => reference.total(column.map(Math.abs)) / rows.length);
      const lengths = reference.matrix(required(weights.parameters, `${path}.values`)).map(norm);
      const use = required(usage, path);
      const flat = (numbers: Iterable<number>) => values([mass.length], [...numbers]);
      expectClose(flat(use.mass), flat(mass), 2e-6, `mass of ${path}`);
      const contribution = mass.map((value, token) => value * (lengths[token] ?? 0));
      expectClose(flat(use.contribution), flat(contribution), 2e-6, `contribution of ${path}`);
      expect(reference.total([...use.normaliserShare])).toBeCloseTo(1, 5);
      // Of softmax, the mass is the share of the sum of exponentials, n times.
      if (activation !== "softmax") continue;
      expectClose(flat(use.normaliserShare), flat(mass.map((value) => value / mass.length)), 2e-6, `share of ${path}`);
    }
  });

  it("of documents that are separate, the use is that of each alone", async () => {
    const alone = documentsOf(ofDocuments);
    expect(alone).toHaveLength(7);
    const [together, apart, mixed] = await using(weights, async (inference) => [
      await measureUsage(inference, [ofDocuments]),
      await measureUsage(inference, alone),
      await measureUsage(inference, [batches[0]]),
    ]);
    const flat = (usage: typeof together, path: string, key: "mass" | "contribution" | "normaliserShare") => {
      const numbers = [...required(usage ?? new Map(), path)[key]];
      return values([numbers.length], numbers);
    };
    for (const path of sitePathsOf(config)) {
      for (const key of ["mass", "contribution", "normaliserShare"] as const)
        expectClose(flat(together, path, key), flat(apart, path, key), 2e-6, `${key} of ${path}`);
    }
    // What is attended to makes a difference from the first block's outputs on.
    const after = "blocks.1.feedForward";
    expect(() => expectClose(flat(together, after, "mass"), flat(mixed, after, "mass"), 1e-3)).toThrow();
  });

  it.each(["one text", "documents, of which some targets count"])(
    "the gradient's norm is that of a token's key and value: %s",
    async (of) => {
      const batch = of === "one text" ? batches[0] : ofDocuments;
      const norms = await using(weights, (inference) => tokenGradientNorms(inference, batch));
      const gradients = await lossGradients(device(), weights, batch);
      expect([...norms.keys()]).toEqual(sitePathsOf(config));
      for (const [path, own] of norms) {
        const [keys, tokenValues] = ["keys", "values"].map((part) =>
          reference.matrix(required(gradients, `${path}.${part}`)),
        );
        const expected = keys?.map((row, token) => norm([...row, ...(tokenValues?.[token] ?? [])])) ?? [];
        expectClose(values([own.length], [...own]), values([own.length], expected), 1e-5, path);
      }
    },
  );

  it("Θ(A) is recorded as it is", async () => {
    const path = "blocks.1.attention.value.weights";
    const { tokens } = batches[0];
    const records = await using(weights, (inference) => inference.records(tokens, [3, 5], [path]));
    const expected = required(referenceWeights(weights), "blocks.1.attention.value").slice(0, 15).flat();
    expectClose(arrayValues(required(records, path)), values([3, 5, 9], expected), 2e-6);
  });
});

describe("a model grown by tokens with zero keys", () => {
  const old = modelState(tinyTokenFormer, { parameters: drawnParameters(tinyTokenFormer), step: 50 });
  const add = { query: 3, key: 5, value: 2, projection: 1, feedForward: 4 };
  const grown = grow(old, growthPlanSchema.parse({ add }), 1);
  let measured: ReturnType<typeof usageByGeneration>;

  beforeAll(async () => {
    measured = await using(grown, async (inference) =>
      usageByGeneration(
        sites(grown.config),
        grown.lineage,
        await measureUsage(inference, batches),
        await tokenGradientNorms(inference, batches[0]),
      ),
    );
  });

  it("gives the new ones no mass at all", () => {
    const { kinds, layers, all } = measured;
    for (const [first, second] of [all, ...layers, ...kinds.values()]) {
      expect(first).toMatchObject({ born: 0, init: "initial", massShare: 1, contributionShare: 1 });
      expect(second).toMatchObject({ born: 50, init: "zero-key", massShare: 0, contributionShare: 0 });
    }
    expect(kinds.get("feedForward")?.map(({ tokens }) => tokens)).toEqual([22, 8]);
    expect(layers.map((generations) => generations[1]?.tokens)).toEqual([15, 15]);
  });

  it("has gradients that will give them some", () => {
    for (const { gradientNorm } of measured.all) expect(gradientNorm).toBeGreaterThan(1e-3);
  });

  it("gives them mass with softmax", async () => {
    const config: CompleteModelConfig = { ...tinyTokenFormer, activation: "softmax" };
    const softmax = grow(modelState(config), growthPlanSchema.parse({ add }), 1);
    const usage = await using(softmax, (inference) => measureUsage(inference, batches));
    const { all } = usageByGeneration(sites(softmax.config), softmax.lineage, usage);
    expect(all[1]?.massShare).toBeGreaterThan(0.1);
  });
});

describe("a model without sites", () => {
  const bigram = modelState({ type: "bigram", vocabulary: 13, context: 5 });

  it("has no use of them", async () => {
    const measure = async (inference: Inference) =>
      [await measureUsage(inference, batches), await tokenGradientNorms(inference, batches[0])] as const;
    const [usage, gradients] = await using(bigram, measure);
    expect([usage.size, gradients.size]).toEqual([0, 0]);
  });

  it("names what it records where something else is asked for", async () => {
    const asked = using(tinyWeights(), (inference) =>
      inference.records(batches[0].tokens, [3, 5], ["blocks.0.wieghts"]),
    );
    await expect(asked).rejects.toThrow(
      /^the model records nothing as "blocks.0.wieghts"; there is blocks.0.attention/,
    );
  });
});

const tinyWeights = () => ({ config: tinyTokenFormer, parameters: drawnParameters(tinyTokenFormer) });

it("the weights between tokens are recorded: each looks at itself and those before it", async () => {
  const path = "blocks.0.attention.weights";
  const { tokens } = batches[0];
  const records = await using(tinyWeights(), (inference) => inference.records(tokens, [3, 5], [path]));
  const weights = arrayValues(required(records, path));
  expect(weights.shape).toEqual([3, 2, 5, 5]);
  for (const head of reference.parts(reference.matrix(weights), 5)) {
    head.forEach((row, time) => {
      expect(reference.total(row)).toBeCloseTo(1, 6);
      expect(row.slice(time + 1).every((weight) => weight === 0)).toBe(true);
      expect(row.slice(0, time + 1).every((weight) => weight > 0)).toBe(true);
    });
  }
});
