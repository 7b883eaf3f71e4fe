import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import {
  checkPlans,
  type GrowthPlan,
  grow,
  growthPlanSchema,
  parseSites,
  tokenPlanSchema,
} from "../../src/growth/index.ts";
import type { CompleteModelConfig } from "../../src/model/index.ts";
import { modelState, tinyTokenFormer } from "../support/models.ts";

/** The message of a `UserError`. */
function refusal(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return String(error);
  }
  return expect.fail("nothing was thrown");
}

const plan = (given: Partial<GrowthPlan>): GrowthPlan => growthPlanSchema.parse({ add: { feedForward: 4 }, ...given });

const transformer: CompleteModelConfig = {
  type: "transformer",
  vocabulary: 13,
  context: 5,
  layers: 1,
  heads: 2,
  width: 6,
  dropout: 0,
  tied: true,
  activation: "relu",
  biases: false,
  positions: "learned",
  rotaryFraction: 0.25,
  normEpsilon: 1e-5,
};

describe("grow refuses", () => {
  it.each<[string, Partial<GrowthPlan>, CompleteModelConfig?]>([
    ["a model without parameter tokens", {}, transformer],
    ["a bigram model", {}, { type: "bigram", vocabulary: 13, context: 5 }],
    ["a layer that there is not", { layers: [0, 2] }],
    ["a site that there is not", { add: { key: 3, mlp: 4 } }],
    ["x1", { add: { key: "x1" } }],
    ["x0, which would shrink", { add: { feedForward: "x0" } }],
    ["a split that is no whole multiple", { init: "split", add: { feedForward: 4 } }],
    ["a split that is nearest to two more copies", { init: "split", add: { feedForward: 20 } }],
  ])("%s", (_, given, config = tinyTokenFormer) => {
    const state = modelState(config);
    const before = structuredClone(state);
    expect(refusal(() => grow(state, plan(given), 1))).toMatchSnapshot();
    expect(state).toEqual(before);
  });
});

describe("checkPlans", () => {
  const split = plan({ init: "split", add: { feedForward: 15 } });

  it("applies each plan to what the ones before have grown", () => {
    expect(() => checkPlans(tinyTokenFormer, [plan({}), split])).not.toThrow();
    expect(refusal(() => checkPlans(tinyTokenFormer, [split]))).toContain("use 11");
    expect(refusal(() => checkPlans(tinyTokenFormer, [plan({}), split, split]))).toContain("copies all 30 tokens");
  });

  it("refuses what grow refuses", () => {
    expect(refusal(() => checkPlans(transformer, [plan({})]))).toBe(
      refusal(() => grow(modelState(transformer), plan({}), 1)),
    );
    expect(() => checkPlans(transformer, [])).not.toThrow();
  });
});

describe("a plan", () => {
  it("has its defaults", () => {
    expect(plan({})).toEqual({
      add: { feedForward: 4 },
      init: "zero-key",
      rampSteps: 100,
      optimizer: "new-only",
      freeze: 0,
      newWarmup: 50,
      newRate: 1,
      newRateSteps: 500,
      rewarm: 0,
    });
  });

  it.each([
    ["names no site", { add: {} }],
    ["adds nothing", { add: { key: 0 } }],
    ["adds part of a token", { add: { key: 1.5 } }],
    ["multiplies by a part", { add: { key: "x1.5" } }],
    ["names no layer", { layers: [] }],
    ["counts layers from below zero", { layers: [-1] }],
    ["starts tokens in an unknown way", { init: "zeros" }],
    ["has an unknown key", { steps: 3 }],
  ])("is refused if it %s", (_, given) => {
    const { error } = tokenPlanSchema.safeParse({ add: { feedForward: 4 }, ...given });
    expect(error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`)).toMatchSnapshot();
  });
});

describe("parseSites", () => {
  it("reads names, numbers and multiples; the last one counts", () => {
    expect(parseSites("q=32, k = 16 ,ffn=x2")).toEqual({ query: 32, key: 16, feedForward: "x2" });
    expect(parseSites("attention=8,proj=4,v=x3")).toEqual({ query: 8, key: 8, value: "x3", projection: 4 });
    expect(parseSites("query=32,feedForward=x2")).toEqual({ query: 32, feedForward: "x2" });
    expect(parseSites("all=x2")).toEqual({
      query: "x2",
      key: "x2",
      value: "x2",
      projection: "x2",
      feedForward: "x2",
    });
  });

  it.each(["", "mlp=32", "constructor=32", "q", "q=", "q=many", "q=-3", "q=1.5", "q=x", "q=32=64", "q=32,,k=3"])(
    "refuses “%s”",
    (text) => {
      expect(refusal(() => parseSites(text))).toMatchSnapshot();
    },
  );
});
