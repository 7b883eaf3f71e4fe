/** A norm for each generation of parameter tokens: y = Σ_g Θ_g(X K_gᵀ) V_g. */

import { describe, expect, it } from "vitest";
import { parseConfig, parseModel } from "../../src/configuration/index.ts";
import { UserError } from "../../src/errors.ts";
import { grow, growthPlanSchema, growthSummary, type ModelState, withModelDefaults } from "../../src/growth/index.ts";
import {
  type CompleteModelConfig,
  countParameters,
  givenOf,
  rotaryChannels,
  sites,
  type TokenFormerConfig,
} from "../../src/model/index.ts";
import { pattentionActivations } from "../../src/nn/index.ts";
import { useDevice } from "../support/device.ts";
import {
  drawnBatch,
  drawnParameters,
  evaluated,
  logitsOf,
  lossGradients,
  modelState,
  tinyTokenFormer,
} from "../support/models.ts";
import * as reference from "../support/reference.ts";
import { expectClose, type Values, values } from "../support/values.ts";
import { referenceLogits, referenceLoss, type Tables } from "./reference-models.ts";

const device = useDevice();
const batch = drawnBatch("generations", [2, 4], 13);

type Activation = TokenFormerConfig["activation"];

/** Two generations beside the first tokens; the second of them in layer 1 alone, at some sites. */
const withGenerations = (activation: Activation): CompleteModelConfig<TokenFormerConfig> => ({
  ...tinyTokenFormer,
  activation,
  tokenNorm: "generation",
  generations: [
    { tokens: { query: 2, key: 3, value: 4, projection: 5, feedForward: 1 } },
    {
      tokens: { query: [0, 4], key: 0, value: [0, 1], projection: [0, 2], feedForward: [0, 3] },
      tau: { query: [0, 1.25], key: 0, value: [0, 0.75], projection: [0, 2.5], feedForward: [0, 1.5] },
    },
  ],
});

const plan = (given: object, config: CompleteModelConfig) => growthPlanSchema.parse(withModelDefaults(given, config));

const EVERYWHERE = { query: 3, key: 5, value: 2, projection: 1, feedForward: 4 };

const stateOf = (config: CompleteModelConfig): ModelState =>
  modelState(config, { parameters: drawnParameters(config) });

const tables = (parameters: ModelState["parameters"]) =>
  new Map([...parameters].map(([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data) }]));

function lossOf(config: CompleteModelConfig<TokenFormerConfig>, given: Tables): number {
  const tau = new Map([...givenOf(config)].map(([name, value]) => [name.replace(/\.tau$/, ""), value]));
  const extra = { rotary: rotaryChannels(config), tau };
  const rows = (row: number) => Array.from(batch.tokens.subarray(4 * row, 4 * row + 4));
  return referenceLoss(
    [0, 1].map((row) => referenceLogits(config, given, rows(row), extra)),
    batch.targets,
  );
}

describe.each(pattentionActivations)("a model with generations, %s", (activation) => {
  const config = withGenerations(activation);
  const { parameters } = stateOf(config);

  it("computes the sum over generations, as an independent computation does", async () => {
    const { loss } = await evaluated(device(), { config, parameters }, batch);
    expect(loss).toBeCloseTo(lossOf(config, tables(parameters)), 5);
  });

  it("has the gradients of that sum, by finite differences", async () => {
    const gradients = await lossGradients(device(), { config, parameters }, batch);
    const given = tables(parameters);
    const names = [
      "query.keys",
      "query.generations.1.keys",
      "query.generations.2.values",
      "projection.generations.2.keys",
    ];
    for (const name of names.map((own) => `blocks.1.attention.${own}`)) {
      const table = given.get(name);
      const found = gradients.get(name);
      if (table === undefined || found === undefined) throw new Error(name);
      const expected = reference.differences(table.data, () => lossOf(config, given));
      expectClose(found, values(table.shape, expected), 2e-5, name);
    }
  });

  it("preserves the function exactly when it grows, whatever the new keys", async () => {
    const state = stateOf({ ...tinyTokenFormer, activation, tokenNorm: "generation" });
    const before = await logitsOf(device(), state, batch);
    const once = grow(state, plan({ add: EVERYWHERE }, state.config), 1);
    const twice = grow(once, plan({ add: { query: "x2", feedForward: 7 }, layers: [1] }, once.config), 1);
    for (const grown of [once, twice]) {
      const keys = new Map([...grown.parameters].filter(([name]) => /generations.*keys$/.test(name)));
      expect([...keys.values()].every(({ data }) => data.some((key) => key !== 0))).toBe(true);
      expect(bits(await logitsOf(device(), grown, batch))).toEqual(bits(before));
    }
    expect(sites(twice.config).map(({ path, tokens }) => [path, tokens])).toContainEqual([
      "blocks.1.attention.query.generations.2",
      10,
    ]);
    expect(growthSummary(once.config, twice.config, plan({ add: { query: 1 } }, once.config))).toBe(
      "query 10 → 20 in layer 1, feedForward 15 → 22 in layer 1 tokens",
    );
  });
});

const bits = ({ data }: Values) => [...Float32Array.from(data)];

describe("growth with a norm for each generation", () => {
  const state = stateOf({ ...tinyTokenFormer, tokenNorm: "generation" });

  it("leaves the old tokens, and their τ, as they were", () => {
    const grown = grow(state, plan({ add: EVERYWHERE }, state.config), 1);
    for (const [name, { data }] of state.parameters) expect(grown.parameters.get(name)?.data).toEqual(data);
    for (const [name, tau] of givenOf(state.config)) expect(givenOf(grown.config).get(name)).toBe(tau);
    expect(givenOf(grown.config).get("blocks.0.attention.key.generations.1.tau")).toBe(Math.sqrt(5));
    expect(grown.ramps).toEqual([]);
    expect(grown.lineage.get("blocks.1.feedForward.generations.1")).toEqual([
      { tokens: 4, born: 0, init: "zero-value", updates: 0, frozenUntil: 0, warmup: 50 },
    ]);
    const added = 2 * 10 * 2 * (3 + 5 + 2 + 1 + 4);
    expect(countParameters(grown.config).total).toBe(countParameters(state.config).total + added);
  });

  it("moves new tokens by the first update: their values have a gradient", async () => {
    const grown = grow(state, plan({ add: EVERYWHERE }, state.config), 1);
    const gradients = await lossGradients(device(), grown, batch);
    const largest = (name: string) => Math.max(...(gradients.get(name)?.data.map(Math.abs) ?? []));
    expect(largest("blocks.0.feedForward.generations.1.values")).toBeGreaterThan(1e-4);
    expect(largest("blocks.0.feedForward.generations.1.keys")).toBe(0);
  });

  it("freezes the old generations, whose tensors are others", () => {
    const once = grow(state, plan({ add: EVERYWHERE }, state.config), 1);
    const twice = grow(once, plan({ add: { key: 1 }, freeze: 9 }, state.config), 1);
    const frozen = [...twice.lineage].filter(([, generations]) => generations.some((own) => own.frozenUntil === 9));
    const expected = [0, 1].flatMap((layer) =>
      ["key", "key.generations.1"].map((own) => `blocks.${layer}.attention.${own}`),
    );
    expect(new Set(frozen.map(([path]) => path))).toEqual(new Set(expected));
  });

  it.each([
    [{ init: "zero-key" }, "zero-key is for tokens that share the norm of the old ones"],
    [{ init: "split", add: { key: "x2" } }, "split is for tokens that share the norm of the old ones"],
    [{ tau: "ramp" }, "there is nothing to ramp"],
    [{ add: { key: "x1" } }, "appends no tokens"],
  ])("refuses %o", (given, message) => {
    const wanted = growthPlanSchema.parse({ init: "random", add: EVERYWHERE, ...given });
    expect(() => grow(state, wanted, 1)).toThrow(UserError);
    expect(() => grow(state, wanted, 1)).toThrow(message);
  });

  it("refuses zero-value where tokens share a norm", () => {
    const wanted = growthPlanSchema.parse({ init: "zero-value", add: EVERYWHERE });
    expect(() => grow(stateOf(tinyTokenFormer), wanted, 1)).toThrow("model.tokenNorm is all; use zero-key");
  });
});

describe("configurations", () => {
  const tokens = { query: 2, key: 2, value: 2, projection: 2, feedForward: 2 };
  const model = { type: "tokenformer", context: 4, layers: 2, heads: 1, width: 8, tied: true, tokens } as const;

  it("have zero-value as the default of plans where tokens have norms of their own", () => {
    const growth = [{ step: 3, add: { key: 1 } }];
    expect(parseConfig({ model: { ...model, tokenNorm: "generation" }, growth }).growth).toMatchObject([
      { init: "zero-value" },
    ]);
    expect(parseConfig({ model, growth }).growth).toMatchObject([{ init: "zero-key" }]);
  });

  it("say which generation has too few numbers", () => {
    const generations = [{ tokens }, { tokens: { ...tokens, key: [1, 2, 3] } }];
    expect(() => parseModel({ ...model, generations })).toThrow(
      "generations.1.tokens.key: has 3 numbers for 2 layers; give one for each",
    );
  });
});
