import { expect, it } from "vitest";
import { parseConfig, parseGrowthPlan, parseModel, presets } from "../../src/configuration/index.ts";
import { UserError } from "../../src/errors.ts";

const bigram = { type: "bigram", context: 7 };
const width = { step: 2, width: 24 };

it("a configuration has its defaults", () => {
  expect(parseConfig({ model: bigram, training: { steps: 3 } })).toMatchObject({
    model: bigram,
    training: { steps: 3, batch: 12, schedule: "cosine" },
    tokenizer: "character",
    growth: [],
  });
  expect(parseModel(bigram)).toEqual(bigram);
  expect(parseGrowthPlan({ add: { query: "x2" } })).toMatchObject({ init: "zero-key", optimizer: "new-only" });
});

it.each([
  ["zero keys of a balanced model", {}, {}, { init: "zero-key", newRate: 4, newWarmup: 200, newRateSteps: 500 }],
  ["a warm-up of one's own", {}, { newWarmup: 30 }, { newRate: 1, newWarmup: 30 }],
  ["a rate of one's own", {}, { newRate: 2 }, { newRate: 2, newWarmup: 50 }],
  ["copies", {}, { init: "split" }, { newRate: 1, newWarmup: 50 }],
  ["a norm of their own", { tokenNorm: "generation" }, {}, { init: "zero-value", newRate: 1, newWarmup: 50 }],
  ["a published model", { parametrisation: "published" }, {}, { init: "zero-key", newRate: 1, newWarmup: 50 }],
])("new tokens of a run learn at first by their kind and model: %s", (_, model, plan, expected) => {
  const growth = [{ step: 2, add: { query: 3 }, ...plan }];
  const config = { model: { ...presets.mini.config.model, ...model }, training: { steps: 3 }, growth };
  const parsed = parseConfig(config).growth;
  expect(parsed).toMatchObject([expected]);
  // What a configuration says, it says for ever, whatever the defaults are then.
  expect(parseConfig({ ...config, growth: parsed }).growth).toEqual(parsed);
  // A plan for the model, of a run that is grown by hand or in the studio, has the same.
  const alone = parseGrowthPlan({ add: { query: 3 }, ...plan }, "the growth", parseModel(config.model));
  expect(parsed).toMatchObject([alone]);
});

it.each([
  [
    () => parseConfig({ model: bigram, trainig: {} }),
    'the configuration: unknown key "trainig"; did you mean "training"?',
  ],
  [
    () => parseConfig({ ...presets.mini.config, growth: [width, { step: 3, add: { query: 3 }, warmpu: 1 }] }),
    'the configuration: unknown key "growth.1.warmpu"; did you mean "growth.1.warmup"?',
  ],
  [
    () => parseConfig({ ...presets.mini.config, growth: [{ step: 3, add: { query: 3 }, lr: 1 }] }),
    'the configuration: unknown key "growth.0.lr"; did you mean "growth.0.learningRate"?',
  ],
  [
    () => parseConfig({ model: { ...bigram, context: 0 } }, "a.json"),
    "a.json: model.context: is 0, expected a number above 0",
  ],
  [() => parseModel({ type: "bigram" }), "the model: context: is missing, expected a number"],
  [() => parseGrowthPlan({ init: "split" }), "the growth plan: the whole: needs either add or width"],
])("a mistake is one line that names the key (%#)", (parse, message) => {
  expect(parse).toThrow(UserError);
  expect(parse).toThrow(message);
});
