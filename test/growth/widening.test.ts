/** Widening a Transformer: what it computes, what learns afterwards, and the books. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkPlans,
  defineGrowthStrategy,
  type GrowthPlan,
  grow,
  growthPlanSchema,
  type HostArray,
  type ModelState,
} from "../../src/growth/index.ts";
import { type CompleteModelConfig, modelOf, parametersOf, type TransformerConfig } from "../../src/model/index.ts";
import { optionsWithDefaults } from "../../src/options.ts";
import type { OwnName } from "../../src/own-names.ts";
import { required } from "../../src/required.ts";
import { Trainer } from "../../src/training/portable.ts";
import { useDevice } from "../support/device.ts";
import {
  drawnBatch,
  drawnParameters,
  logitsOf,
  lossGradients,
  modelState,
  relativeDifference,
} from "../support/models.ts";

const device = useDevice();
const VOCABULARY = 13;
const batch = drawnBatch("widening", [3, 6], VOCABULARY);

/** Heads of 5 channels. */
const gpt: CompleteModelConfig<TransformerConfig> = {
  type: "transformer",
  vocabulary: VOCABULARY,
  context: 7,
  layers: 2,
  heads: 2,
  width: 10,
  dropout: 0,
  tied: false,
  activation: "relu",
  biases: true,
  positions: "learned",
  rotaryFraction: 0.8,
  normEpsilon: 1e-5,
};

const plan = (width: number, given: Partial<GrowthPlan> = {}): GrowthPlan =>
  growthPlanSchema.parse({ width, ...given });

const stateOf = (changes: Partial<TransformerConfig> = {}, deviation = 0.5): ModelState => {
  const config: CompleteModelConfig = { ...gpt, ...changes, vocabulary: VOCABULARY };
  return modelState(config, { parameters: drawnParameters(config, deviation) });
};

async function difference(before: ModelState, after: ModelState): Promise<number> {
  return relativeDifference(await logitsOf(device(), before, batch), await logitsOf(device(), after, batch));
}

/** Roundings of float32. */
const EXACT = 1e-5;

describe("the function", () => {
  it.each<[string, Partial<TransformerConfig>, number]>([
    ["the lecture's gpt.py, by a half", {}, 15],
    ["the same twice as wide", {}, 20],
    ["the same 3.5 times as wide", {}, 35],
    ["a tied one with GELU, without biases", { tied: true, activation: "gelu", biases: false }, 25],
    ["a tied one with biases", { tied: true }, 15],
    ["one with rotary positions", { positions: "rotary", activation: "gelu" }, 25],
    ["one with a single head", { heads: 1 }, 20],
    ["one whose heads are single channels", { heads: 10 }, 13],
  ])("of %s stays", async (_, changes, width) => {
    const state = stateOf(changes);
    const grown = grow(state, plan(width), 1);
    expect(await difference(state, grown)).toBeLessThan(EXACT);
  });

  it("stays where the variance is as small as ε, as in a new model", async () => {
    const state = stateOf({}, 0.004);
    const grown = grow(state, plan(25), 1);
    expect(await difference(state, grown)).toBeLessThan(EXACT);
    expect(grown.config).toMatchObject({ width: 25, heads: 5, normEpsilon: 4e-6 });
    // With the old ε it would not, so that the measure is not blind.
    const config: CompleteModelConfig = { ...gpt, width: 25, heads: 5 };
    expect(await difference(state, { ...grown, config })).toBeGreaterThan(1e-2);
  });

  it("stays, wider and wider", async () => {
    const state = stateOf();
    const once = grow(state, plan(15), 1);
    const thrice = grow(grow(once, plan(20), 1), plan(30), 1);
    expect(await difference(state, thrice)).toBeLessThan(EXACT);
    expect(thrice.config).toMatchObject({ width: 30, heads: 6 });
  });
});

describe("the parameters", () => {
  it("are those of a model of the new width", () => {
    const { config, parameters } = grow(stateOf(), plan(25), 1);
    const sizes = new Map(parametersOf(config).map(({ name, size }) => [name, size]));
    expect([...parameters].map(([name, { shape, data }]) => [name, shape, data.length])).toEqual(
      [...sizes].map(([name, size]) => [name, size, size.reduce((product, n) => product * n, 1)]),
    );
  });

  it("of copies sum to what there was, in uneven shares", () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 9 }), fc.integer({ min: 0, max: 1000 }), (heads, seed) => {
        const state = stateOf();
        const grown = grow(state, plan(5 * heads), seed).parameters;
        for (const [name, units] of [
          ["blocks.1.feedForward.down.weight", 40],
          ["blocks.0.attention.projection.weight", 10],
        ] as const) {
          const [old, now] = [state.parameters, grown].map((all) => rowsOf(required(all, name)));
          old?.forEach((row, index) => {
            const [before, after] = [sum(row), sum(now?.[index] ?? [])];
            expect(Math.abs(after - before), name).toBeLessThan(1e-5 * units);
          });
        }
      }),
      { numRuns: 20 },
    );
    const rows = rowsOf(required(grow(stateOf(), plan(20), 3).parameters, "blocks.0.feedForward.down.weight"));
    const old = rowsOf(required(stateOf().parameters, "blocks.0.feedForward.down.weight"));
    const shares = rows
      .slice(0, 10)
      .flatMap((row, r) => row.slice(0, 40).map((value, c) => value / (old[r]?.[c] ?? 1)));
    expect(new Set(shares.filter((share) => share < 0.99).map((share) => share.toFixed(3))).size).toBeGreaterThan(5);
  });

  it("depend on the seed, the step and the width alone", () => {
    const state = stateOf();
    const bytes = (grown: ModelState) => [...grown.parameters.values()].map(({ data }) => data.join());
    expect(bytes(grow(state, plan(15), 1))).toEqual(bytes(grow(state, plan(15), 1)));
    expect(bytes(grow(state, plan(15), 1))).not.toEqual(bytes(grow(state, plan(15), 2)));
    expect(bytes(grow(state, plan(15), 1))).not.toEqual(bytes(grow({ ...state, step: 3 }, plan(15), 1)));
  });

  it("of the old state are left as they are", () => {
    const state = stateOf();
    const before = structuredClone(state);
    grow(state, plan(15), 1);
    expect(state).toEqual(before);
  });
});

function rowsOf({ shape, data }: HostArray): number[][] {
  const columns = shape[1] ?? 1;
  return Array.from({ length: shape[0] ?? 0 }, (_, row) => [...data.slice(row * columns, (row + 1) * columns)]);
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);

it.each<[string, Partial<TransformerConfig>]>([
  ["relu, untied, biases", {}],
  ["gelu, tied", { tied: true, activation: "gelu", biases: false }],
])("all that is new learns once an update has told new channels from the mean (%s)", async (_, changes) => {
  const grown = grow(stateOf(changes, 0.2), plan(25), 1);
  const options = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clip: 0 };
  const trainer = await Trainer.create(device(), modelOf(grown.config), grown, options);
  await trainer.update([batch], 0.01, 1);
  const { parameters } = await trainer.download();
  await trainer.close();
  const gradients = await lossGradients(device(), { config: grown.config, parameters }, batch);
  const old = new Map(
    parametersOf({ ...gpt, ...changes, vocabulary: VOCABULARY }).map(({ name, size }) => [name, size]),
  );
  for (const [name, { shape, data }] of gradients) {
    const [rows = 1, columns = 1] = required(old, name);
    const scale = data.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    const all = shape[1] ?? 1;
    const added = Array.from(data).filter((_, at) => Math.floor(at / all) >= rows || at % all >= columns);
    const learning = added.filter((value) => Math.abs(value) > 1e-4 * scale);
    // Units that no token of the batch wakes, and tokens that are not in it, learn nothing, old or new.
    if (added.length > 0) expect(learning.length / added.length, name).toBeGreaterThan(0.4);
  }
});

it("copies of hidden units and heads part ways", async () => {
  const grown = grow(stateOf({}, 0.2), plan(20), 1);
  const options = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clip: 0 };
  const trainer = await Trainer.create(device(), modelOf(grown.config), grown, options);
  for (let update = 0; update < 3; update++) await trainer.update([batch], 0.01, 1);
  const { parameters } = await trainer.download();
  await trainer.close();
  const old = rowsOf(required(grown.parameters, "blocks.0.feedForward.up.weight")).map((row) => row.slice(0, 10));
  const now = rowsOf(required(parameters, "blocks.0.feedForward.up.weight")).map((row) => row.slice(0, 10));
  const copies = old.flatMap((row, copy) => {
    const source = old.findIndex((other) => other.join() === row.join());
    return source === copy ? [] : [[source, copy] as const];
  });
  expect(copies).toHaveLength(40);
  const parted = copies.filter(([source, copy]) => now[source]?.join() !== now[copy]?.join());
  // Units that no token wakes do not move.
  expect(parted.length).toBeGreaterThan(20);
});

describe("the optimiser's moments", () => {
  const moments = {
    first: drawnParameters(gpt, 0.1),
    second: new Map(
      [...drawnParameters(gpt, 0.3)].map(([name, { shape, data }]) => [name, { shape, data: data.map(Math.abs) }]),
    ),
  };
  const state: ModelState = { ...stateOf(), moments, step: 40, updates: 40 };

  it("stay where they were, and are zero where something is new", () => {
    const grown = grow(state, plan(15), 1);
    expect(grown.updates).toBe(40);
    for (const part of ["first", "second"] as const) {
      for (const [name, old] of moments[part]) {
        const now = required(grown.moments?.[part] ?? new Map<string, HostArray>(), name);
        expect(now.shape).toEqual(required(grown.parameters, name).shape);
        const oldRows = rowsOf(old);
        const expected = rowsOf(now).map((row, r) => row.map((_, c) => oldRows[r]?.[c] ?? 0));
        expect(rowsOf(now), name).toEqual(expected);
      }
    }
  });

  it("are gone with optimizer reset", () => {
    const grown = grow(state, plan(15, { optimizer: "reset" }), 1);
    expect(grown).toMatchObject({ moments: undefined, updates: 0, step: 40 });
  });
});

it("is written down: the channels by their birth, the new warm-up", () => {
  const once = grow({ ...stateOf(), step: 4, updates: 4 }, plan(15, { rewarm: 6 }), 1);
  const twice = grow({ ...once, step: 9, updates: 9 }, plan(25), 1);
  expect(twice.rewarm).toEqual({ start: 4, steps: 6 });
  expect(twice.lineage.get("width")).toMatchObject([
    { tokens: 10, born: 0, init: "initial", updates: 4 },
    { tokens: 5, born: 4, init: "net2net", updates: 0 },
    { tokens: 10, born: 9, init: "net2net", updates: 0 },
  ]);
});

describe("with strategies of one's own", () => {
  const strategy = (name: OwnName, change: Partial<TransformerConfig>) =>
    defineGrowthStrategy({
      name,
      options: optionsWithDefaults({}),
      preserves: true,
      config: (model) => (model.type === "transformer" ? { ...model, ...change } : model),
      parameters: ({ parameters, initial }) =>
        new Map([...parameters].filter(([path, { shape }]) => String(initial.get(path)?.shape) === String(shape))),
    });
  const [deeper, narrower] = [
    strategy("test:deeper", { layers: 3 }),
    strategy("test:narrower", { width: 10, heads: 2 }),
  ];
  const own = (init: OwnName) => growthPlanSchema.parse({ init });

  it("the channels stay written down, as long as they are as many", () => {
    const wide = grow({ ...stateOf(), step: 4, updates: 4 }, plan(15), 1);
    const next = (init: OwnName) => grow({ ...wide, step: 9, updates: 9 }, own(init), 1).lineage;
    expect(next(deeper).get("width")).toEqual(wide.lineage.get("width"));
    expect(next(narrower).get("width")).toBeUndefined();
  });

  it.each([
    ["before", [own(deeper), plan(15)]],
    ["after", [plan(15), own(deeper)]],
  ] as const)("%s it, all that is new counts its own updates", async (_, plans) => {
    const moments = { first: drawnParameters(gpt, 0), second: drawnParameters(gpt, 0) };
    let state: ModelState = { ...stateOf(), moments, step: 4, updates: 4 };
    for (const next of plans) state = { ...grow(state, next, 1), step: state.step + 5 };
    const options = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clip: 0 };
    const trainer = await Trainer.create(device(), modelOf(state.config), state, options);
    await trainer.update([batch], 0.01, 1);
    const { lineage, updates } = await trainer.download();
    await trainer.close();
    expect(updates).toBe(5);
    expect(lineage.get("width")?.map((generation) => generation.updates)).toEqual([5, 1]);
    const rows = required(lineage, "blocks.2.feedForward.up.weight");
    expect(rows.reduce((total, { tokens }) => total + tokens, 0)).toBe(60);
    expect(new Set(rows.map((generation) => generation.updates))).toEqual(new Set([1]));
  });
});

describe("a plan of width", () => {
  it("has defaults", () => {
    expect(plan(96)).toEqual({ width: 96, init: "net2net", optimizer: "keep", rewarm: 0 });
  });

  it.each([
    ["the width that there is", 10],
    ["less", 5],
    ["no multiple of a head's channels", 23],
    ["too little more", 12],
  ])("is refused with %s", (_, width) => {
    expect(() => grow(stateOf(), plan(width), 1)).toThrowErrorMatchingSnapshot();
    expect(() => checkPlans(gpt, [plan(width)])).toThrowErrorMatchingSnapshot();
  });

  it("is checked against what the plans before it have made", () => {
    expect(() => checkPlans(gpt, [plan(15), plan(20)])).not.toThrow();
    expect(() => checkPlans(gpt, [plan(20), plan(15)])).toThrow("width 15 is not above the model's 20");
  });

  it.each([
    ["both kinds", { add: { key: 3 }, width: 15 }],
    ["neither kind", { rewarm: 3 }],
    ["no object", 96],
    ["part of a channel", { width: 15.5 }],
    ["an option of tokens", { width: 15, freeze: 3 }],
    ["a way of tokens to start", { width: 15, init: "split" }],
    ["counts of its own for new entries", { width: 15, optimizer: "new-only" }],
    ["an unknown key beside add", { add: { key: 3 }, inti: "split" }],
    ["an amount that is none", { add: { key: 1.5 } }],
  ])("is refused with %s", (_, value) => {
    expect(growthPlanSchema.safeParse(value).error?.issues.map(({ message }) => message)).toMatchSnapshot();
  });
});
