/** What growing does to the function that a model computes. */

import { beforeAll, describe, expect, it } from "vitest";
import { type GrowthPlan, grow, growthPlanSchema, type ModelState } from "../../src/growth/index.ts";
import { type CompleteModelConfig, givenOf, sites, type TokenFormerConfig } from "../../src/model/index.ts";
import { pattentionActivations } from "../../src/nn/index.ts";
import { useDevice } from "../support/device.ts";
import {
  drawnBatch,
  drawnParameters,
  logitsOf,
  modelState,
  relativeDifference,
  tinyTokenFormer,
} from "../support/models.ts";
import type { Values } from "../support/values.ts";

const device = useDevice();
const batch = drawnBatch("growth", [3, 4], 13);

/** Roundings of float32: sums over more tokens are taken in another order. */
const EXACT = 1e-5;
/** The least that a change of the function moves the logits here. */
const CHANGED = 1e-3;

type Activation = TokenFormerConfig["activation"];

const stateOf = (activation: Activation): ModelState => {
  const config: CompleteModelConfig = { ...tinyTokenFormer, activation };
  return modelState(config, { parameters: drawnParameters(config) });
};

const plan = (given: Partial<GrowthPlan>): GrowthPlan =>
  growthPlanSchema.parse({ add: { feedForward: "x2" }, ...given });

const EVERYWHERE = { query: 3, key: 5, value: 2, projection: 1, feedForward: 4 };
const DOUBLED = { query: "x2", key: "x2", value: "x2", projection: "x2", feedForward: "x2" };

async function difference(before: ModelState, after: ModelState): Promise<number> {
  return relativeDifference(await logitsOf(device(), before, batch), await logitsOf(device(), after, batch));
}

describe.each(["l2_norm_gelu", "gelu_l2_norm"] as const)("zero-key with %s", (activation) => {
  const state = stateOf(activation);

  it.each(["fixed", "ramp"] as const)("preserves the function with τ %s", async (tau) => {
    expect(await difference(state, grow(state, plan({ add: EVERYWHERE, tau }), 1))).toBeLessThan(EXACT);
    expect(await difference(state, grow(state, plan({ add: DOUBLED, tau }), 1))).toBeLessThan(EXACT);
  });

  it("preserves it by default", async () => {
    expect(await difference(state, grow(state, plan({ add: EVERYWHERE }), 1))).toBeLessThan(EXACT);
  });

  it("does not preserve it with τ = √n: the published layout", async () => {
    expect(await difference(state, grow(state, plan({ add: EVERYWHERE, tau: "sqrt-n" }), 1))).toBeGreaterThan(CHANGED);
  });

  it("preserves it growth after growth, in some layers too", async () => {
    const once = grow(state, plan({ add: EVERYWHERE, tau: "fixed" }), 1);
    const twice = grow(once, plan({ add: { query: 7, feedForward: "x3" }, layers: [1] }), 2);
    const thrice = grow(twice, plan({ add: { value: "x2" }, layers: [0] }), 3);
    expect(sites(thrice.config).map(({ tokens }) => tokens)).toEqual([10, 11, 22, 9, 15, 17, 11, 11, 9, 45]);
    expect(await difference(state, thrice)).toBeLessThan(EXACT);
  });
});

it("zero-key with softmax does not preserve the function: a score of zero has weight", async () => {
  const state = stateOf("softmax");
  expect(await difference(state, grow(state, plan({ add: EVERYWHERE }), 1))).toBeGreaterThan(CHANGED);
});

describe.each(pattentionActivations)("split with %s", (activation) => {
  const state = stateOf(activation);

  it.each(["fixed", "ramp", "sqrt-n"] as const)("preserves the function with τ %s, as τ was √n", async (tau) => {
    expect(await difference(state, grow(state, plan({ init: "split", add: DOUBLED, tau }), 1))).toBeLessThan(EXACT);
  });

  it("preserves it with three copies, and with a number of tokens", async () => {
    const add = { query: "x3", key: 6, value: 18, projection: "x2", feedForward: "x3" };
    const grown = grow(state, plan({ init: "split", add }), 1);
    expect(sites(grown.config).map(({ tokens }) => tokens)).toEqual([21, 12, 27, 16, 33, 21, 12, 27, 16, 33]);
    expect(await difference(state, grown)).toBeLessThan(EXACT);
  });

  it("preserves it twice, and in some layers", async () => {
    const once = grow(state, plan({ init: "split", add: { query: "x2", feedForward: "x3" }, layers: [1] }), 1);
    const twice = grow(once, plan({ init: "split", add: { feedForward: "x2", key: "x3" } }), 2);
    expect(await difference(state, twice)).toBeLessThan(EXACT);
  });

  it("gives copies different shares, so that they can part", () => {
    const path = "blocks.0.feedForward";
    const grown = grow(state, plan({ init: "split", add: { feedForward: "x3" } }), 1).parameters;
    const [old, now] = [state, { parameters: grown }].map(({ parameters }) => parameters.get(`${path}.values`)?.data);
    if (old === undefined || now === undefined) throw new Error("values");
    const shares = Array.from({ length: 3 * 11 }, (_, token) => (now[token * 10] ?? 0) / (old[(token % 11) * 10] ?? 0));
    for (let token = 0; token < 11; token++) {
      const own = [shares[token], shares[token + 11], shares[token + 22]].map(Number);
      expect(own.reduce((sum, share) => sum + share)).toBeCloseTo(1, 5);
      expect(Math.min(...own)).toBeGreaterThan(0.1);
    }
    expect(new Set(shares.map((share) => share.toFixed(4))).size).toBeGreaterThan(25);
  });
});

describe.each(["l2_norm_gelu", "gelu_l2_norm"] as const)("split of %s where τ is not √n", (activation) => {
  const fixed = grow(stateOf(activation), plan({ add: EVERYWHERE, tau: "fixed" }), 1);

  it.each(["fixed", "ramp"] as const)("preserves the function with τ %s", async (tau) => {
    const grown = grow(fixed, plan({ init: "split", add: DOUBLED, tau }), 2);
    expect(await difference(fixed, grown)).toBeLessThan(EXACT);
    expect(givenOf(grown.config).get("blocks.0.attention.query.tau")).toBeCloseTo(Math.sqrt(7) * Math.SQRT2, 12);
  });

  it("does not with τ = √n", async () => {
    const grown = grow(fixed, plan({ init: "split", add: DOUBLED, tau: "sqrt-n" }), 2);
    expect(await difference(fixed, grown)).toBeGreaterThan(CHANGED);
  });
});

describe.each(pattentionActivations)("random with %s", (activation) => {
  const state = stateOf(activation);

  it.each(["fixed", "ramp", "sqrt-n", undefined] as const)("changes the function with τ %s", async (tau) => {
    const grown = grow(state, plan({ init: "random", add: DOUBLED, ...(tau && { tau }) }), 1);
    expect(await difference(state, grown)).toBeGreaterThan(CHANGED);
  });
});

describe("the measure", () => {
  let logits: Values;
  beforeAll(async () => {
    logits = await logitsOf(device(), stateOf("softmax"), batch);
  });

  it("is not blind: logits are large and differ from token to token", () => {
    expect(Math.max(...logits.data)).toBeGreaterThan(0.5);
    expect(new Set(logits.data).size).toBeGreaterThan(100);
  });
});
