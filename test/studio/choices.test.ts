/** What a visitor's choices come to in the studio. */

import { expect, it } from "vitest";
import { type CompleteModelConfig, countParameters, parseConfig } from "../../src/browser.ts";
import type { Choices } from "../../studio/src/engine/api.ts";
import {
  choicesOf,
  configFromChoices,
  endlessOf,
  equalTransformer,
  estimateOf,
  fromScratch,
} from "../../studio/src/engine/choices.ts";
import { previewOf } from "../../studio/src/engine/growing.ts";
import { EMPTY } from "../../studio/src/engine/history.ts";

const choices: Choices = {
  name: "a run",
  architecture: "tokenformer",
  text: { kind: "gallery", key: "moby-dick" },
  pieces: "characters",
  layers: 3,
  heads: 4,
  width: 52,
  context: 31,
  attentionTokens: 17,
  feedForwardTokens: 71,
  batch: 5,
  learningRate: 2e-3,
  seed: 7,
};

const VOCABULARY = 43;

function made(from: Choices) {
  const result = configFromChoices(from);
  if ("complaints" in result) throw new Error(result.complaints.map(({ message }) => message).join());
  const model: CompleteModelConfig = { ...result.config.model, vocabulary: VOCABULARY };
  return { ...result.config, model };
}

it("turns choices into a configuration, and back", () => {
  const { text: _, pieces: __, ...others } = choices;
  expect(choicesOf("a run", made(choices))).toEqual(others);
  const plain = { ...choices, architecture: "transformer" as const, attentionTokens: 0, feedForwardTokens: 0 };
  const { text: ___, pieces: ____, ...rest } = plain;
  expect(choicesOf("a run", made(plain))).toEqual(rest);
});

it("says at which field what is wrong", () => {
  const complaintsOf = (changed: Partial<Choices>) => estimateOf({ ...choices, ...changed }, VOCABULARY).complaints;
  expect(complaintsOf({})).toEqual([]);
  expect(complaintsOf({ heads: 5 })).toMatchObject([{ field: "heads", message: expect.stringContaining("divisible") }]);
  expect(complaintsOf({ batch: 0 })).toMatchObject([{ field: "batch" }]);
  expect(complaintsOf({ learningRate: -1 })).toMatchObject([{ field: "learningRate" }]);
  expect(complaintsOf({ feedForwardTokens: 2.5 })).toMatchObject([{ field: "feedForwardTokens" }]);
  expect(complaintsOf({ context: 16384 })).toMatchObject([
    { field: "context", message: expect.stringContaining("more than a browser tab can count on") },
  ]);
  expect(complaintsOf({ width: 4096, heads: 32, layers: 24, attentionTokens: 4096 })).toMatchObject([
    { field: "width", message: expect.stringContaining("more than a browser tab can count on") },
  ]);
});

it("estimates what the model itself counts", () => {
  const { parameters, memory } = estimateOf(choices, VOCABULARY);
  const site = 17 * 52 * 2; // keys and values
  const block = 4 * site + 71 * 52 * 2;
  expect(parameters).toBe(VOCABULARY * 52 + 3 * block + 2 * 52);
  // Weights, gradients and two moments, and what a pass of 5 pieces of 31 characters computes.
  const pass = 4 * 5 * 31 * (2 * VOCABULARY + (3 * 4 * 31) / 2 + 6 * 3 * 52 + 2 * 3 * (4 * 17 + 71));
  // Gains of norms are not in the forecast.
  expect(memory).toBe(16 * ((parameters ?? 0) - 2 * 52) + pass);
});

it("finds the plain GPT that has about as many parameters, with heads of the same size", () => {
  const config = made({ ...choices, feedForwardTokens: 611 });
  const plain = equalTransformer(config, EMPTY);
  if (plain.model.type !== "transformer") throw new Error("expected a Transformer");
  expect(plain.model.width / plain.model.heads).toBe(13);
  const wanted = countParameters(config.model).total;
  const distance = (heads: number) => {
    const model = { ...plain.model, heads, width: heads * 13, vocabulary: VOCABULARY };
    return Math.abs(countParameters(model).total - wanted);
  };
  const { heads } = plain.model;
  expect(distance(heads)).toBeLessThanOrEqual(Math.min(distance(heads - 1), distance(heads + 1)));
  expect(plain.training).toEqual(config.training);
});

it("begins again at the grown size, without the τ and the growth of the run", () => {
  const config = made(choices);
  if (config.model.type !== "tokenformer") throw new Error("expected a TokenFormer");
  const tau = { query: 1, key: 2, value: 3, projection: 4, feedForward: 5 };
  const grown = { ...config, model: { ...config.model, tau }, growth: [{ step: 3, add: { query: 5 } }] };
  const fresh = fromScratch({ ...grown, growth: parseConfig(grown).growth }, EMPTY);
  expect(fresh.growth).toEqual([]);
  expect(fresh.model).toEqual({ ...config.model, tau: undefined });
});

it("shows what growth costs before it is done", () => {
  const config = made(choices);
  const request = { add: { query: 5, feedForward: 29 }, layers: [0, 2], init: "zero-key" as const };
  const preview = previewOf(config, request);
  expect(preview.complaint).toBeUndefined();
  expect(preview.parametersAfter - preview.parametersBefore).toBe(2 * (5 + 29) * 2 * 52);
  expect(preview.flopsAfter - preview.flopsBefore).toBe(6 * 2 * (5 + 29) * 2 * 52 * 5 * 31);
  expect(previewOf(config, { add: {}, init: "split" }).complaint).toMatch(/how many tokens/);
  expect(previewOf(config, { add: { query: 5 }, init: "split" }).complaint).toMatch(/multiple/);
});

it("says in words what is wrong with a number of tokens to add", () => {
  const config = made(choices);
  const complaintOf = (query: number) => previewOf(config, { add: { query }, init: "zero-key" }).complaint;
  for (const wrong of [-5, 1.5])
    expect(complaintOf(wrong)).toBe(`${wrong} tokens cannot be added: choose a whole number of 1 or more`);
  expect(complaintOf(3_000_000)).toMatch(
    /^The grown model needs \d+ GB at least, more than a browser tab can count on/,
  );
  expect(complaintOf(7)).toBeUndefined();
});

it("lets a run whose schedule is at its end stay at its last rate", () => {
  const config = parseConfig({
    ...made(choices),
    training: { steps: 100, learningRate: 1e-2, minimumLearningRate: 1e-3, warmup: 10 },
  });
  const { training } = endlessOf(config, 100);
  expect(training).toMatchObject({ schedule: "constant", warmup: 0 });
  expect(training.learningRate).toBeCloseTo(1e-3, 4);
  expect(endlessOf(config, 50)).toBe(config);
  // However far it has come, there is more to come.
  for (const step of [100, 3_000_000]) expect(endlessOf(config, step).training.steps).toBeGreaterThan(step + 1e5);
});

it("compares a run whose schedule has ended with others that begin at the rate that it had, on the device or not", () => {
  const training = { steps: 100, learningRate: 1e-2, minimumLearningRate: 1e-3, warmup: 10, batch: 3 };
  const config = { ...made(choices), training: parseConfig({ ...made(choices), training }).training };
  const point = { tokens: 1, flops: 1, seconds: 1, loss: 3, gradientNorm: 1, tokensPerSecond: 1 };
  const rates = [4e-3, 1e-2, 1.2e-3];
  const history = { ...EMPTY, training: rates.map((learningRate, step) => ({ ...point, step, learningRate })) };
  const expected = configFromChoices({ ...choices, learningRate: 1e-2 });
  if ("complaints" in expected) throw new Error("no configuration");
  const { steps, schedule, warmup, learningRate } = expected.config.training;
  for (const facts of [config, endlessOf(config, 100)])
    for (const compared of [fromScratch(facts, history), equalTransformer({ ...facts, model: config.model }, history)])
      expect(compared.training).toMatchObject({ steps, schedule, warmup, learningRate, batch: 3 });
});
