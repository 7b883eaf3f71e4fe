import { expect, it } from "vitest";
import { parseConfig, parseGrowthPlan, parseModel } from "../../src/configuration/index.ts";
import { UserError } from "../../src/errors.ts";

const bigram = { type: "bigram", context: 7 };

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
  [
    () => parseConfig({ model: bigram, trainig: {} }),
    'the configuration: unknown key "trainig"; did you mean "training"?',
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
