/** Growing a TokenFormer that learns τ, or that learns it from then on. */

import { describe, expect, it } from "vitest";
import {
  type GrowthPlan,
  grow,
  growthPlanSchema,
  type ModelState,
  tauOf,
  tokenPlanSchema,
} from "../../src/growth/index.ts";
import {
  type CompleteModelConfig,
  defineModel,
  givenOf,
  modelOf,
  modelSchema,
  parametersOf,
  sitesOf,
  type TokenFormerConfig,
} from "../../src/model/index.ts";
import { normal, pattention } from "../../src/nn/index.ts";
import { optionsWithDefaults } from "../../src/options.ts";
import { required } from "../../src/required.ts";
import { gather, matmul } from "../../src/tensor/index.ts";
import { Trainer } from "../../src/training/portable.ts";
import { useDevice } from "../support/device.ts";
import {
  drawnBatch,
  drawnParameters,
  logitsOf,
  modelState,
  relativeDifference,
  tinyTokenFormer,
} from "../support/models.ts";

const device = useDevice();
const batch = drawnBatch("learned tau", [3, 4], 13);
const EXACT = 1e-5;
const CHANGED = 1e-3;
const EVERYWHERE = { query: 3, key: 5, value: 2, projection: 1, feedForward: 4 };
const DOUBLED = { query: "x2", key: "x2", value: "x2", projection: "x2", feedForward: "x2" };

const stateOf = (changes: Partial<TokenFormerConfig> = {}): ModelState => {
  const config: CompleteModelConfig = { ...tinyTokenFormer, ...changes, vocabulary: 13 };
  return modelState(config, { parameters: drawnParameters(config) });
};

/** τ was learned to be something else than √n. */
const learned = stateOf({ learnedTau: true });

const plan = (given: Partial<GrowthPlan>): GrowthPlan => growthPlanSchema.parse({ add: EVERYWHERE, ...given });

async function difference(before: ModelState, after: ModelState): Promise<number> {
  return relativeDifference(await logitsOf(device(), before, batch), await logitsOf(device(), after, batch));
}

/** τ by site, of a model that learns it. */
const tausIn = ({ config, parameters }: ModelState): number[] =>
  config.type === "tokenformer"
    ? sitesOf(config).map(({ path }) => required(parameters, `${path}.tau`).data[0] ?? Number.NaN)
    : [];

describe("a model that learns τ", () => {
  it.each<[string, Partial<GrowthPlan>, number]>([
    ["zero keys", {}, 1],
    ["zero keys with τ fixed", { tau: "fixed" }, 1],
    ["zero keys with τ learned", { tau: "learned" }, 1],
    ["split", { init: "split", add: DOUBLED }, Math.SQRT2],
  ])("computes the same after %s", async (_, given, factor) => {
    const grown = grow(learned, plan(given), 1);
    expect(await difference(learned, grown)).toBeLessThan(EXACT);
    expect(grown.ramps).toEqual([]);
    tausIn(grown).forEach((tau, index) => {
      expect(tau / (tausIn(learned)[index] ?? 0)).toBeCloseTo(factor, 6);
    });
  });

  it.each<[string, Partial<GrowthPlan>]>([
    ["zero keys", { tau: "sqrt-n" }],
    ["random keys, by default", { init: "random" }],
  ])("has √((n + m) / n) times its τ with sqrt-n, for %s", async (_, given) => {
    const grown = grow(learned, plan(given), 1);
    const [query, key] = tausIn(grown).map((tau, index) => tau / (tausIn(learned)[index] ?? 0));
    expect(query).toBeCloseTo(Math.sqrt(10 / 7), 6);
    expect(key).toBeCloseTo(Math.sqrt(11 / 6), 6);
    expect(await difference(learned, grown)).toBeGreaterThan(CHANGED);
  });

  it("keeps in its configuration what τ was when it grew", () => {
    const { config, parameters } = grow(learned, plan({ layers: [1] }), 1);
    if (config.type !== "tokenformer") expect.fail("a TokenFormer");
    for (const { path, tau } of sitesOf(config)) expect(tau).toBe(required(parameters, `${path}.tau`).data[0]);
    expect(givenOf(config).size).toBe(0);
  });

  it("takes no ramp", () => {
    expect(() => grow(learned, plan({ tau: "ramp" }), 1)).toThrowErrorMatchingInlineSnapshot(
      `[UserError: growth plan: the model learns τ, which no ramp can lead; use tau fixed or sqrt-n]`,
    );
  });
});

describe("a plan that makes τ learned", () => {
  const trained: ModelState = {
    ...stateOf(),
    step: 30,
    updates: 30,
    moments: { first: drawnParameters(tinyTokenFormer, 0.1), second: drawnParameters(tinyTokenFormer, 0.3) },
  };

  it.each<[string, Partial<GrowthPlan>]>([
    ["zero keys", {}],
    ["zero keys at some sites of a layer", { layers: [1], add: { feedForward: 3 } }],
    ["split", { init: "split", add: DOUBLED }],
  ])("preserves the function with %s", async (_, given) => {
    const grown = grow(trained, plan({ tau: "learned", ...given }), 1);
    expect(await difference(trained, grown)).toBeLessThan(EXACT);
    expect(grown.config).toMatchObject({ learnedTau: true });
    expect(tausIn(grown)).toHaveLength(10);
  });

  it("goes on from where a ramp is, and ends it", async () => {
    const ramped = grow({ ...trained, step: 10 }, plan({ add: { query: 3 }, rampSteps: 50 }), 1);
    expect(ramped.ramps).toHaveLength(2);
    const grown = grow(ramped, plan({ tau: "learned", add: { value: 2 } }), 1);
    expect(grown.ramps).toEqual([]);
    expect(await difference(ramped, grown)).toBeLessThan(EXACT);
  });

  it("gives the new parameters moments of zero, in the order of the model", () => {
    const { config, parameters, moments } = grow(trained, plan({ tau: "learned" }), 1);
    const names = parametersOf(config).map(({ name }) => name);
    for (const map of [parameters, moments?.first, moments?.second])
      expect([...(map ?? new Map()).keys()]).toEqual(names);
    expect(moments?.first.get("blocks.0.feedForward.tau")).toEqual({ shape: [], data: Float32Array.of(0) });
    expect(moments?.first.get("finalNorm.scale")).toEqual(trained.moments?.first.get("finalNorm.scale"));
  });

  it("is told of as such, and is refused where there is no τ", () => {
    const learning = tokenPlanSchema.parse({ add: EVERYWHERE, tau: "learned", rampSteps: 0 });
    expect(tauOf(learning, tinyTokenFormer)).toBe("learned");
    expect(() =>
      grow(stateOf({ activation: "softmax" }), plan({ tau: "learned" }), 1),
    ).toThrowErrorMatchingInlineSnapshot(
      `[UserError: growth plan: with activation softmax there is no τ to learn; leave tau out]`,
    );
  });
});

it("τ that has become learned by growing has Adam's first steps from then on", async () => {
  const trained = { ...stateOf(), step: 30, updates: 30 };
  const squares = [...drawnParameters(tinyTokenFormer, 0.3)].map(
    ([name, { shape, data }]) => [name, { shape, data: data.map((x) => x * x) }] as const,
  );
  const moments = { first: drawnParameters(tinyTokenFormer, 0.1), second: new Map(squares) };
  const grown = grow({ ...trained, moments }, plan({ tau: "learned" }), 1);
  const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-12, clip: 0, weightDecay: 0 };
  const trainer = await Trainer.create(device(), modelOf(grown.config), grown, options);
  const known = tausIn(grown);
  // With one gradient throughout, each of Adam's steps is one learning rate long: corrected by 30 updates, the 12th would be 5.2.
  for (let update = 1; update <= 12; update++) {
    await trainer.update([batch], 1e-5, 1);
    const taus = tausIn({ ...grown, ...(await trainer.download()) });
    taus.forEach((tau, index) => {
      expect(Math.abs(tau - (known[index] ?? 0)), `update ${update}`).toBeLessThan(1.2e-5 * update + 1e-6);
    });
  }
  expect((await trainer.download()).lineage.get("blocks.1.feedForward.tau")).toEqual([
    { tokens: 1, born: 30, init: "learned", updates: 12, frozenUntil: 0 },
  ]);
  await trainer.close();
});

it("learns τ, and does not decay it", async () => {
  const options = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, clip: 0 };
  const after = async (weightDecay: number) => {
    const trainer = await Trainer.create(device(), modelOf(learned.config), learned, { ...options, weightDecay });
    await trainer.update([batch], 0.01, 1);
    const { parameters } = await trainer.download();
    await trainer.close();
    return tausIn({ ...learned, parameters });
  };
  const moved = await after(0);
  // Adam's first step is one learning rate long.
  moved.forEach((tau, index) => {
    expect(Math.abs(tau - (tausIn(learned)[index] ?? 0))).toBeCloseTo(0.01, 4);
  });
  expect(await after(0.5)).toEqual(moved);
});

describe("a model of one's own that learns τ", () => {
  const drawn = { initial: normal(0.5) };
  const type = defineModel({
    name: "test:learned-tau",
    options: optionsWithDefaults({ width: 6, tokens: 7 }),
    sites: ({ tokens }) => [{ path: "mixer", tokens }],
    forward:
      ({ vocabulary, width, tokens: first }) =>
      (scope, tokens) => {
        const table = scope.within("embedding").parameter("tokens", [vocabulary, width], normal(1));
        const x = pattention(scope.within("mixer"), gather(table, tokens), {
          width,
          activation: "l2_norm_gelu",
          keys: drawn,
          values: drawn,
          learnedTau: Math.sqrt(first),
        });
        return matmul(x, table, { transposeB: true });
      },
  });
  const config: CompleteModelConfig = { ...modelSchema.parse({ type, context: 4 }), vocabulary: 13 };
  /** τ was learned to be something else than √n. */
  const state = modelState(config, {
    parameters: drawnParameters(config).set("mixer.tau", { shape: [], data: Float32Array.of(4.5) }),
  });
  const tauIn = ({ parameters }: ModelState) => required(parameters, "mixer.tau").data[0] ?? Number.NaN;

  it("computes with it", async () => {
    const other = new Map(state.parameters).set("mixer.tau", { shape: [], data: Float32Array.of(1.5) });
    expect(await difference(state, { ...state, parameters: other })).toBeGreaterThan(CHANGED);
  });

  it.each<[string, object, number]>([
    ["zero keys", { add: { mixer: 3 } }, 4.5],
    ["zero keys with τ learned", { add: { mixer: 3 }, tau: "learned" }, 4.5],
    ["split", { add: { mixer: "x2" }, init: "split" }, 4.5 * Math.SQRT2],
  ])("computes the same after %s", async (_, given, tau) => {
    const grown = grow(state, growthPlanSchema.parse(given), 1);
    expect(await difference(state, grown)).toBeLessThan(EXACT);
    expect(tauIn(grown)).toBeCloseTo(tau, 6);
    expect(grown.ramps).toEqual([]);
  });

  it("takes no ramp, and √((n + m) / n) times its τ with sqrt-n", () => {
    expect(tauIn(grow(state, plan({ add: { mixer: 2 }, tau: "sqrt-n" }), 1))).toBeCloseTo(4.5 * Math.sqrt(9 / 7), 6);
    expect(() => grow(state, plan({ add: { mixer: 2 }, tau: "ramp" }), 1)).toThrow("which no ramp can lead");
  });
});
