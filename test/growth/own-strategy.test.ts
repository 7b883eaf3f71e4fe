/** Growth strategies of one's own: what they are given, what the library does for them, and what it refuses. */

import { describe, expect, it } from "vitest";
import {
  checkPlans,
  defineGrowthStrategy,
  type GrowthPlan,
  grow,
  growthPlanSchema,
  growthSummary,
  type HostArray,
  type ModelStrategy,
  type SiteGrowth,
  type TokenStrategy,
  withRows,
} from "../../src/growth/index.ts";
import { givenOf, hasBlocks, parametersOf } from "../../src/model/index.ts";
import { optionsWithDefaults } from "../../src/options.ts";
import { required } from "../../src/required.ts";
import { useDevice } from "../support/device.ts";
import { drawnBatch, drawnParameters, logitsOf, modelState, tinyTokenFormer } from "../support/models.ts";

const device = useDevice();

const SITE = "blocks.1.feedForward";

let count = 0;
const name = () => `test:s${count++}` as const;

const plan = (given: object): GrowthPlan => growthPlanSchema.parse(given);

const moments = () => ({ first: drawnParameters(tinyTokenFormer, 0.1), second: drawnParameters(tinyTokenFormer, 0.3) });

const trained = () =>
  modelState(tinyTokenFormer, {
    step: 50,
    updates: 50,
    parameters: drawnParameters(tinyTokenFormer),
    moments: moments(),
  });

describe("of tokens", () => {
  type Options = { readonly by: number };

  function define(changes: Partial<TokenStrategy<Options>> = {}): `${string}:${string}` {
    return defineGrowthStrategy({
      name: name(),
      options: optionsWithDefaults({ by: 1 }),
      preserves: true,
      tokens: ({ keys, values, added }) => ({ keys: withRows(keys, added), values: withRows(values, added) }),
      ...changes,
    });
  }

  const grown = (init: string, more: object = {}) => {
    const state = trained();
    return grow(state, plan({ add: { feedForward: 3 }, layers: [1], init, rampSteps: 0, ...more }), 7);
  };

  it("is told the site, what is there, how the model starts it and its options", () => {
    const told: [SiteGrowth, Options][] = [];
    const init = define({
      tokens: (growth, options) => {
        told.push([growth, options]);
        return { keys: withRows(growth.keys, growth.added), values: withRows(growth.values, growth.added) };
      },
    });
    const state = trained();
    grow(state, plan({ add: { feedForward: 3 }, layers: [1], init, options: { by: 4 } }), 7);
    const [first] = told;
    expect(told).toHaveLength(1);
    expect(first?.[1]).toEqual({ by: 4 });
    expect(first?.[0]).toMatchObject({
      added: 3,
      site: { path: SITE, layer: 1, kind: "feedForward", tokens: 11 },
      keys: required(state.parameters, `${SITE}.keys`),
      initial: { keys: { kind: "normal", deviation: 0.02 }, values: { kind: "normal" } },
    });
  });

  it("has zero moments for new tokens, a generation and a ramp, or what it says itself", () => {
    const state = grown(define());
    for (const part of ["keys", "values"]) {
      const moment = required(state.moments?.first ?? new Map<string, HostArray>(), `${SITE}.${part}`);
      expect(moment.shape).toEqual([14, 10]);
      expect([...moment.data.slice(110)]).toEqual(Array(30).fill(0));
    }
    expect(state.lineage.get(SITE)?.at(-1)).toMatchObject({ tokens: 3, born: 50, updates: 0, warmup: 50 });
    const own = grown(
      define({
        moment: (moment, { added }) => {
          const larger = withRows(moment, added);
          larger.data.fill(0.25, moment.data.length);
          return larger;
        },
      }),
    );
    const moment = required(own.moments?.second ?? new Map<string, HostArray>(), `${SITE}.keys`);
    expect([...moment.data.slice(110)]).toEqual(Array(30).fill(0.25));
  });

  it("preserves by default with the τ that there was; another τ is its own", () => {
    const tau = (init: string, more: object = {}) => required(givenOf(grown(init, more).config), `${SITE}.tau`);
    const preserving = define();
    expect(tau(preserving, { tau: "fixed" })).toBe(Math.sqrt(11));
    expect(tau(preserving)).toBe(Math.sqrt(14)); // at the end of a ramp of no steps
    expect(tau(define({ preserves: false }), { rampSteps: 100 })).toBe(Math.sqrt(14)); // at once
    expect(tau(define({ exactTau: ({ tau }, added) => tau + added }), { tau: "fixed" })).toBe(Math.sqrt(11) + 3);
  });

  it.each<[string, () => string, object, string]>([
    [
      "rows that are missing",
      () => define({ tokens: ({ keys, values }) => ({ keys, values }) }),
      {},
      "has the shape [11,10], expected [14,10]",
    ],
    [
      "an option that there is not",
      () => define(),
      { options: { noise: 1 } },
      "options.noise: is no option; the options are: by",
    ],
    [
      "an amount that it refuses",
      () => define({ refusal: ({ path }, added) => `no ${added} at ${path}` }),
      {},
      `growth plan: no 3 at ${SITE}`,
    ],
    [
      "rows that no model can learn with",
      () =>
        define({
          tokens: ({ keys, values, added }) => {
            const spoilt = withRows(keys, added);
            spoilt.data[115] = Number.NaN;
            return { keys: spoilt, values: withRows(values, added) };
          },
        }),
      {},
      "has NaN at element 115, expected finite numbers",
    ],
    ...[0, -1, Number.NaN, Number.POSITIVE_INFINITY].map((tau): [string, () => string, object, string] => [
      `a τ of ${tau}`,
      () => define({ exactTau: () => tau }),
      {},
      `τ of ${SITE} becomes ${tau}, expected a number above 0`,
    ]),
    ["a name that is not defined", () => "test:nowhere", {}, 'the growth strategy "test:nowhere" is not defined here'],
  ])("refuses %s", (_, init, more, message) => {
    expect(() => grown(init(), more)).toThrow(message);
  });

  it("is refused before training, where its options are", () => {
    const init = define();
    expect(() => checkPlans(tinyTokenFormer, [plan({ add: { key: 2 }, init, options: { noise: 1 } })])).toThrow(
      "noise",
    );
  });
});

describe("of whole models", () => {
  /** Blocks more, which add nothing at first. */
  function define(changes: Partial<ModelStrategy<{ readonly blocks: number }>> = {}) {
    return defineGrowthStrategy({
      name: name(),
      options: optionsWithDefaults({ blocks: 1 }),
      preserves: true,
      config: (model, { blocks }) => {
        if (model.type !== "tokenformer") throw new Error("a tokenformer");
        return {
          ...model,
          layers: model.layers + blocks,
          tokens: { query: 7, key: 6, value: 9, projection: 8, feedForward: 11 },
        };
      },
      parameters: ({ parameters, initial }) => {
        const all = new Map<string, HostArray>(parameters);
        for (const [path, { shape }] of initial) {
          if (parameters.has(path) || !path.endsWith(".values")) continue;
          all.set(path, { shape, data: new Float32Array(shape.reduce((size, length) => size * length, 1)) });
        }
        return all;
      },
      ...changes,
    });
  }

  const old = { ...tinyTokenFormer };

  it("grows, and keeps what the model computes", async () => {
    const state = modelState(old, { step: 50, updates: 50, parameters: drawnParameters(old), moments: moments() });
    const given = plan({ init: define(), options: { blocks: 2 } });
    const grown = grow(state, given, 7);
    expect(hasBlocks(grown.config) && grown.config.layers).toBe(4);
    // All parameters of the larger model, in its order, the new ones drawn as it starts them.
    expect([...grown.parameters.keys()]).toEqual(parametersOf(grown.config).map((spec) => spec.name));
    const keys = required(grown.parameters, "blocks.3.feedForward.keys");
    expect(Math.sqrt(keys.data.reduce((sum, x) => sum + x * x, 0) / keys.data.length)).toBeCloseTo(0.02, 2);
    const batch = drawnBatch("deeper", [3, old.context], old.vocabulary);
    expect(await logitsOf(device(), grown, batch)).toEqual(await logitsOf(device(), state, batch));
    expect(growthSummary(old, grown.config, given)).toBe("layers 2 → 4");
    expect(grow(state, given, 7)).toEqual(grown);
  });

  it("has moments and generations of its own for what is new", () => {
    const state = modelState(old, { step: 50, updates: 50, parameters: drawnParameters(old), moments: moments() });
    const grown = grow(state, plan({ init: define(), newWarmup: 0 }), 7);
    const first = grown.moments?.first ?? new Map<string, HostArray>();
    expect([...first.keys()]).toEqual([...grown.parameters.keys()]);
    expect(first.get("blocks.0.attention.query.keys")).toBe(state.moments?.first.get("blocks.0.attention.query.keys"));
    expect(new Set(first.get("blocks.2.attention.query.keys")?.data)).toEqual(new Set([0]));
    expect(grown.lineage.get("blocks.0.feedForward")).toBe(state.lineage.get("blocks.0.feedForward"));
    expect(grown.lineage.get("blocks.2.feedForward")).toEqual([
      { tokens: 11, born: 50, init: expect.stringMatching(/^test:/), updates: 0, frozenUntil: 0 },
    ]);
    const joined = grow(state, plan({ init: define(), optimizer: "keep" }), 7);
    expect(joined.lineage.get("blocks.2.feedForward")).toMatchObject([{ updates: 50 }]);
    expect(grow(state, plan({ init: define(), optimizer: "reset" }), 7)).toMatchObject({
      moments: undefined,
      updates: 0,
    });
  });

  it.each<[string, Partial<ModelStrategy<{ readonly blocks: number }>>, string]>([
    [
      "a parameter that the model has not",
      { parameters: () => new Map([["mlp", { shape: [1], data: new Float32Array(1) }]]) },
      "the grown model has no parameter mlp",
    ],
    [
      "a parameter of another shape",
      { parameters: () => new Map([["embedding.tokens", { shape: [1], data: new Float32Array(1) }]]) },
      "embedding.tokens has the shape [1], expected [13,10]",
    ],
    [
      "a parameter that no model can learn with",
      {
        parameters: ({ parameters }) =>
          new Map(parameters).set("embedding.tokens", { shape: [13, 10], data: new Float32Array(130).fill(Infinity) }),
      },
      "embedding.tokens has Infinity at element 0, expected finite numbers",
    ],
    ["another context", { config: (model) => ({ ...model, context: 7 }) }, "context is 7, expected 5 as before"],
    ["a configuration that is none", { config: (model) => ({ ...model, heads: 3 }) }, "the grown model: heads: "],
  ])("refuses %s", (_, changes, message) => {
    const state = modelState(old);
    expect(() => grow(state, plan({ init: define(changes) }), 7)).toThrow(message);
  });

  it("is no way to append tokens, nor the other way round", () => {
    expect(() => checkPlans(old, [plan({ add: { key: 1 }, init: define() })])).toThrow(
      "appends no parameter tokens; leave add out",
    );
    const tokens = defineGrowthStrategy({
      name: name(),
      options: optionsWithDefaults({}),
      preserves: true,
      tokens: ({ keys, values }) => ({ keys, values }),
    });
    expect(() => checkPlans(old, [plan({ init: tokens })])).toThrow("say where with add");
  });
});
