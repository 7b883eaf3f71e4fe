/** New tokens in a model's vocabulary. */

import { describe, expect, it } from "vitest";
import { type HostArray, type ModelState, VOCABULARY_TABLES, widenVocabulary } from "../../src/growth/index.ts";
import { type CompleteModelConfig, defineModel, givenOf, modelOf, modelSchema } from "../../src/model/index.ts";
import { normal } from "../../src/nn/index.ts";
import { optionsWithDefaults } from "../../src/options.ts";
import { add, gather, matmul } from "../../src/tensor/index.ts";
import { Trainer } from "../../src/training/index.ts";
import { useDevice } from "../support/device.ts";
import { drawnBatch, drawnParameters, evaluated, modelState, tinyTokenFormer } from "../support/models.ts";
import { expectClose, values } from "../support/values.ts";

const device = useDevice();
const squared = (arrays: ReadonlyMap<string, HostArray>) =>
  new Map([...arrays].map(([name, { shape, data }]) => [name, { shape, data: data.map((x) => x * x) }] as const));
const untied = { ...tinyTokenFormer, tied: false };
const transformer: CompleteModelConfig = {
  type: "transformer",
  vocabulary: 13,
  context: 5,
  layers: 1,
  heads: 2,
  width: 10,
  dropout: 0,
  tied: false,
  biases: true,
  activation: "relu",
  positions: "learned",
  rotaryFraction: 1,
  normEpsilon: 1e-5,
} as CompleteModelConfig;

describe("a wider vocabulary", () => {
  it.each([
    ["a tied TokenFormer", tinyTokenFormer],
    ["an untied one", untied],
    ["a Transformer with biases", transformer],
  ])("leaves the logits of the old tokens of %s as they are", async (_, config) => {
    const state = modelState(config, { parameters: drawnParameters(config) });
    const wide = widenVocabulary(state, 17, 1);
    expect(wide.config.vocabulary).toBe(17);
    const batch = drawnBatch("wide", [2, 5], 13);
    const [before, after] = [
      await evaluated(device(), state, batch),
      await evaluated(device(), { config: wide.config, parameters: wide.parameters }, batch),
    ];
    const kept = after.logits.data.filter((_value, index) => index % 17 < 13);
    for (const [index, value] of kept.entries()) expect(value).toBeCloseTo(before.logits.data[index] ?? Number.NaN, 4);
    const fresh = after.logits.data.filter((_value, index) => index % 17 >= 13);
    expect(new Set(fresh.slice(0, 4)).size).toBe(4);
  });

  it.each([
    ["a TokenFormer", untied],
    ["a Transformer with biases", transformer],
  ])("of %s has new rows that Adam moves as it does at a start, and old ones as before", async (_, config) => {
    const parameters = drawnParameters(config);
    const state = modelState(config, {
      parameters,
      moments: { first: parameters, second: squared(parameters) },
      updates: 300,
    });
    const wide = widenVocabulary(state, 17, 1);
    const moved = async (from: ModelState) => {
      const given = givenOf(from.config);
      const adam = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0, clip: 0 };
      const trainer = await Trainer.create(device(), modelOf(from.config), from, { ...adam, given });
      await trainer.update([drawnBatch("wide", [2, 5], 17)], 0.01, 1);
      const { parameters: after, lineage } = await trainer.download();
      await trainer.close();
      return { after, lineage };
    };
    const [once, atStart, unborn] = [
      await moved(wide),
      await moved({ ...wide, moments: undefined }),
      await moved({ ...wide, lineage: state.lineage }),
    ];
    for (const [name, { shape, data }] of once.after) {
      if (!VOCABULARY_TABLES.has(name)) continue;
      const old = (13 * data.length) / 17;
      const expected = [
        ...(unborn.after.get(name)?.data.slice(0, old) ?? []),
        ...(atStart.after.get(name)?.data.slice(old) ?? []),
      ];
      expectClose(values(shape, [...data]), values(shape, expected), 1e-6, name);
      expect(once.lineage.get(name)).toMatchObject([
        { tokens: 13, updates: 301 },
        { tokens: 4, updates: 1, init: "vocabulary" },
      ]);
    }
  });

  it("has new rows near the mean of the old ones, the same for the same seed, whose moments are zero", () => {
    const parameters = drawnParameters(untied);
    const moments = { first: parameters, second: parameters, outer: parameters };
    const state = modelState(untied, { parameters, moments });
    const wide: ModelState = widenVocabulary(state, 15, 3);
    const table = wide.parameters.get("embedding.tokens");
    const old = parameters.get("embedding.tokens");
    expect(table?.shape).toEqual([15, 10]);
    expect(table?.data.slice(0, 130)).toEqual(old?.data);
    for (let column = 0; column < 10; column++) {
      const values = Array.from({ length: 13 }, (_, row) => old?.data[10 * row + column] ?? Number.NaN);
      const mean = values.reduce((sum, value) => sum + value, 0) / 13;
      expect(Math.abs((table?.data[130 + column] ?? Number.NaN) - mean)).toBeLessThan(0.4);
    }
    expect(widenVocabulary(state, 15, 3)).toEqual(wide);
    // Of two extensions by one token none is the other's.
    const again = widenVocabulary(widenVocabulary(state, 14, 3), 15, 3).parameters.get("embedding.tokens");
    const [first = [], second = []] = [again?.data.slice(130, 140), again?.data.slice(140)];
    expect(Math.max(...[...first].map((value, column) => Math.abs(value - (second[column] ?? 0))))).toBeGreaterThan(
      0.01,
    );
    expect(widenVocabulary(state, 15, 4).parameters).not.toEqual(wide.parameters);
    expect(wide.moments?.first.get("output.weight")?.data.slice(130)).toEqual(new Float32Array(20));
    expect(wide.moments?.outer).toBe(undefined);
    expect(wide.parameters.get("finalNorm.scale")).toBe(parameters.get("finalNorm.scale"));
  });

  it("is not for a bigram model", () => {
    const bigram = modelState({ type: "bigram", vocabulary: 5, context: 3 });
    expect(() => widenVocabulary(bigram, 6, 1)).toThrow("a bigram model takes in no new tokens");
  });

  it.each([
    [
      "test:lookup",
      "table",
      'its parameter "embedding.table" depends on the vocabulary too; new tokens are rows of embedding.tokens',
    ],
    ["test:biased", "tokens", 'its parameter "output.bias" has not a row for each token'],
  ] as const)("is not for a model of one's own whose tables are others: %s", (type, table, message) => {
    defineModel({
      name: type,
      options: optionsWithDefaults({}),
      forward:
        ({ vocabulary }) =>
        (scope, tokens) => {
          const lookup = scope.within("embedding").parameter(table, [vocabulary, 4], normal(1));
          const bias = scope.within("output").parameter("bias", [4], normal(1));
          return matmul(add(gather(lookup, tokens), bias), lookup, { transposeB: true });
        },
    });
    const config: CompleteModelConfig = { ...modelSchema.parse({ type, context: 3 }), vocabulary: 5 };
    expect(() => widenVocabulary(modelState(config), 7, 1)).toThrow(message);
  });
});
