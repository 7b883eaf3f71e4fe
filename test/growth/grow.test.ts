/** What growing does to weights, moments, τ and the books. */

import { describe, expect, it } from "vitest";
import {
  advanceRamps,
  type Generation,
  type GrowthPlan,
  grow,
  growthPlanSchema,
  type ModelState,
  type Moments,
  rampedTau,
} from "../../src/growth/index.ts";
import { givenOf } from "../../src/model/index.ts";
import { learningRateAt } from "../../src/optimizer/index.ts";
import { required } from "../../src/required.ts";
import { drawnParameters, modelState, sitePathsOf, tinyTokenFormer, tokenRows } from "../support/models.ts";

const plan = (given: Partial<GrowthPlan> = {}): GrowthPlan =>
  growthPlanSchema.parse({ add: { query: 3, feedForward: 4 }, ...given });

const drawnMoments = (): Moments => ({
  first: drawnParameters(tinyTokenFormer, 0.1),
  second: drawnParameters(tinyTokenFormer, 0.3),
});

/** A state in the midst of training: after 50 updates. */
function trained(changes: Partial<ModelState> = {}): ModelState {
  const tokens = { query: 7, key: 6, value: 9, projection: 8, feedForward: 11 };
  const lineage = sitePathsOf(tinyTokenFormer).map((path): [string, Generation[]] => {
    const kind = path.split(".").at(-1) as keyof typeof tokens;
    return [path, [{ tokens: tokens[kind], born: 0, init: "initial", updates: 50, frozenUntil: 0 }]];
  });
  const parameters = drawnParameters(tinyTokenFormer);
  const progress = { step: 50, updates: 50, lineage: new Map(lineage) };
  return modelState(tinyTokenFormer, { ...progress, parameters, moments: drawnMoments(), ...changes });
}

const SITE = "blocks.1.feedForward";
const GROWN = ["query", "feedForward"];

const generationsOf = (state: ModelState) => required(state.lineage, SITE);
const tauOf = (state: ModelState) => required(givenOf(state.config), `${SITE}.tau`);

describe("the weights", () => {
  it.each(["zero-key", "random"] as const)("keep their old rows, bit by bit, with %s", (init) => {
    const state = trained();
    const grown = grow(state, plan({ init }), 1);
    expect([...grown.parameters.keys()]).toEqual([...state.parameters.keys()]);
    for (const [name, now] of grown.parameters) {
      const old = required(state.parameters, name);
      const [, site, part] = /\.(\w+)\.(keys|values)$/.exec(name) ?? [];
      if (site === undefined || !GROWN.includes(site)) {
        expect(now, name).toBe(old);
        continue;
      }
      const [tokens = 0] = old.shape;
      expect(now.shape).toEqual([tokens + (site === "query" ? 3 : 4), 10]);
      expect(tokenRows(now, 0, tokens), name).toEqual([...old.data]);
      const fresh = tokenRows(now, tokens);
      const zero = init === "zero-key" && part === "keys";
      expect(new Set(fresh.map(Number)).size, name).toBe(zero ? 1 : fresh.length);
      if (zero) expect(fresh.every((value) => value === 0)).toBe(true);
    }
  });

  it("draw new rows like the first ones: keys N(0, 0.02), values N(0, 2 / (layers √D))", () => {
    const { parameters } = grow(trained(), plan({ init: "random", add: { feedForward: 2000 } }), 1);
    for (const [part, deviation] of [
      ["keys", 0.02],
      ["values", 1 / Math.sqrt(10)],
    ] as const) {
      const fresh = tokenRows(required(parameters, `${SITE}.${part}`), 11);
      const variance = fresh.reduce((sum, value) => sum + (value / deviation) ** 2, 0) / fresh.length;
      expect(Math.abs(variance - 1) * Math.sqrt(fresh.length / 2)).toBeLessThan(5);
    }
  });

  it("repeat the keys and share out the values, with split", () => {
    const state = trained();
    const grown = grow(state, plan({ init: "split", add: { feedForward: "x3" } }), 1);
    const [keys, values] = ["keys", "values"].map((part) => required(state.parameters, `${SITE}.${part}`));
    const [newKeys, newValues] = ["keys", "values"].map((part) => required(grown.parameters, `${SITE}.${part}`));
    if (keys === undefined || values === undefined || newKeys === undefined || newValues === undefined) expect.fail();
    for (const copy of [0, 1, 2]) expect(tokenRows(newKeys, 11 * copy, 11 * (copy + 1))).toEqual([...keys.data]);
    const copies = [0, 1, 2].map((copy) => tokenRows(newValues, 11 * copy, 11 * (copy + 1)));
    values.data.forEach((value, index) => {
      const parts = copies.map((copy) => copy[index] ?? 0);
      expect(Math.abs(parts.reduce((sum, part) => sum + part) - value)).toBeLessThan(1e-6);
      expect(parts.every((part) => Math.sign(part) === Math.sign(value) && part !== value)).toBe(true);
    });
  });

  it("depend on the seed, the step and the site", () => {
    const fresh = (state: ModelState, seed: number, path = SITE) =>
      tokenRows(required(grow(state, plan(), seed).parameters, `${path}.values`), 11, 13);
    const state = trained();
    expect(fresh(state, 1)).toEqual(fresh(state, 1));
    expect(fresh(state, 2)).not.toEqual(fresh(state, 1));
    expect(fresh({ ...state, step: 51 }, 1)).not.toEqual(fresh(state, 1));
    expect(fresh(state, 1, "blocks.0.feedForward")).not.toEqual(fresh(state, 1));
  });

  it("differ when a site grows twice after one step: twins could never part", () => {
    const twice = grow(grow(trained(), plan(), 1), plan(), 1);
    const values = required(twice.parameters, `${SITE}.values`);
    expect(tokenRows(values, 15, 19)).not.toEqual(tokenRows(values, 11, 15));
  });

  it("grow in the layers that are named, and nowhere else", () => {
    const { parameters, config } = grow(trained(), plan({ layers: [1] }), 1);
    expect(required(parameters, "blocks.0.feedForward.keys").shape).toEqual([11, 10]);
    expect(required(parameters, "blocks.1.feedForward.keys").shape).toEqual([15, 10]);
    expect(config).toMatchObject({ tokens: { query: [7, 10], key: 6, feedForward: [11, 15] } });
  });
});

describe("the old state", () => {
  it.each<Partial<GrowthPlan>>([
    { init: "zero-key", freeze: 3, rewarm: 4 },
    { init: "split", add: { feedForward: "x2" }, optimizer: "keep" },
    { init: "random", optimizer: "reset" },
  ])("is left as it is: %o", (given) => {
    const state = trained({ ramps: [{ site: SITE, from: 3, to: 4, start: 40, steps: 20 }] });
    const before = structuredClone(state);
    grow(state, plan(given), 1);
    expect(state).toEqual(before);
  });
});

describe("the moments", () => {
  it.each(["new-only", "keep"] as const)("grow with rows of zeros, with %s", (optimizer) => {
    const state = trained();
    const { moments } = grow(state, plan({ optimizer }), 1);
    for (const kind of ["first", "second"] as const) {
      for (const [name, old] of state.moments?.[kind] ?? []) {
        const now = required(moments?.[kind] ?? new Map(), name);
        expect(now.shape).toEqual(required(grow(state, plan(), 1).parameters, name).shape);
        expect([...now.data.slice(0, old.data.length)]).toEqual([...old.data]);
        expect(now.data.slice(old.data.length).every((value: number) => value === 0)).toBe(true);
      }
    }
  });

  it("are gone with reset, and every count starts again", () => {
    const { moments, updates, step, lineage } = grow(trained(), plan({ optimizer: "reset" }), 1);
    expect({ moments, updates, step }).toEqual({ moments: undefined, updates: 0, step: 50 });
    expect([...lineage.values()].flat().map((generation) => generation.updates)).toEqual(Array(14).fill(0));
  });

  it("stay absent where only the weights are known", () => {
    expect(grow(trained({ moments: undefined }), plan(), 1).moments).toBeUndefined();
  });
});

describe("the lineage", () => {
  const first = { tokens: 11, born: 0, init: "initial", updates: 50, frozenUntil: 0 };

  it("counts the updates of new tokens from zero, or with the old ones", () => {
    const born = { tokens: 4, born: 50, init: "zero-key", frozenUntil: 0, warmup: 50 };
    expect(generationsOf(grow(trained(), plan(), 1))).toEqual([first, { ...born, updates: 0 }]);
    expect(generationsOf(grow(trained(), plan({ optimizer: "keep" }), 1))).toEqual([first, { ...born, updates: 50 }]);
    expect(grow(trained(), plan(), 1).updates).toBe(50);
  });

  it("names each generation, and leaves the sites that do not grow", () => {
    const state = trained();
    const twice = grow(grow(state, plan(), 1), plan({ init: "split", add: { feedForward: "x2" } }), 2);
    expect(generationsOf(twice).map(({ tokens, init }) => [tokens, init])).toEqual([
      [11, "initial"],
      [4, "zero-key"],
      [15, "split"],
    ]);
    expect(required(twice.lineage, "blocks.1.attention.key")).toBe(required(state.lineage, "blocks.1.attention.key"));
  });

  it("freezes the old tokens of the sites that grow, never for less than they were", () => {
    const once = grow(trained(), plan({ freeze: 10 }), 1);
    expect(generationsOf(once).map(({ frozenUntil }) => frozenUntil)).toEqual([60, 0]);
    expect(required(once.lineage, "blocks.1.attention.key")[0]?.frozenUntil).toBe(0);
    const again = grow({ ...once, step: 55 }, plan({ freeze: 2 }), 2);
    expect(generationsOf(again).map(({ frozenUntil }) => frozenUntil)).toEqual([60, 57, 0]);
    const unfrozen = grow({ ...once, step: 55 }, plan(), 2);
    expect(generationsOf(unfrozen).map(({ frozenUntil }) => frozenUntil)).toEqual([60, 0, 0]);
  });
});

describe("τ", () => {
  const [before, after] = [Math.sqrt(11), Math.sqrt(15)];

  it.each([
    ["zero-key", "fixed", before],
    ["zero-key", "sqrt-n", after],
    ["zero-key", "ramp", before],
    ["zero-key", undefined, before],
    ["random", undefined, after],
  ] as const)("after %s with %s is %d", (init, tau, expected) => {
    const grown = grow(trained(), plan({ init, ...(tau && { tau }) }), 1);
    expect(tauOf(grown)).toBeCloseTo(expected, 12);
    expect(required(givenOf(grown.config), "blocks.1.attention.key.tau")).toBe(Math.sqrt(6));
    const ramps = init === "zero-key" && (tau ?? "ramp") === "ramp" ? 4 : 0;
    expect(grown.ramps).toHaveLength(ramps);
  });

  it("rises in equal parts from the old value to √n", () => {
    const { ramps, config } = grow(trained(), plan({ tau: "ramp", rampSteps: 20 }), 1);
    const ramp = ramps.find(({ site }) => site === SITE);
    if (ramp === undefined) expect.fail("no ramp");
    expect(ramp).toEqual({ site: SITE, from: before, to: after, start: 50, steps: 20 });
    const taus = [40, 50, 55, 60, 70, 99].map((step) => rampedTau(ramp, step));
    const quarter = before + (after - before) / 4;
    expect(taus).toEqual([before, before, quarter, (before + after) / 2, after, after]);

    const middle = advanceRamps({ config, ramps }, 60);
    expect(tauOf({ ...trained(), ...middle })).toBe((before + after) / 2);
    expect(middle.ramps).toEqual(ramps);
    const end = advanceRamps({ config, ramps }, 70);
    expect(tauOf({ ...trained(), ...end })).toBe(after);
    expect(end.ramps).toEqual([]);
  });

  it("has no ramp of no steps, which is at its end at once, nor where it is √n already", () => {
    const atOnce = grow(trained(), plan({ tau: "ramp", rampSteps: 0 }), 1);
    expect(atOnce.ramps).toEqual([]);
    expect(tauOf(atOnce)).toBe(after);
    const doubled = grow(trained(), plan({ init: "split", add: { feedForward: "x2" }, tau: "ramp" }), 1);
    expect(doubled.ramps).toEqual([]);
    expect(tauOf(doubled)).toBeCloseTo(Math.sqrt(22), 12);
  });

  it("starts a new ramp from where the old one was, and lets those of other sites go on", () => {
    const once = grow(trained(), plan({ tau: "ramp", rampSteps: 20 }), 1);
    const midway = { ...once, step: 60, ...advanceRamps(once, 60) };
    const twice = grow(midway, plan({ add: { feedForward: 6 }, rampSteps: 10 }), 2);
    const half = (before + after) / 2;
    expect(twice.ramps.filter(({ site }) => site === SITE)).toEqual([
      { site: SITE, from: half, to: Math.sqrt(21), start: 60, steps: 10 },
    ]);
    expect(twice.ramps.filter(({ site }) => site.endsWith("query"))).toEqual(
      once.ramps.filter(({ site }) => site.endsWith("query")),
    );
    const fixed = grow(midway, plan({ add: { feedForward: 6 }, tau: "fixed" }), 2);
    expect(fixed.ramps.some(({ site }) => site === SITE)).toBe(false);
    expect(tauOf(fixed)).toBe(half);
  });

  it("drops the ramps that have ended", () => {
    const ramps = [{ site: "blocks.0.attention.key", from: 1, to: Math.sqrt(6), start: 10, steps: 40 }];
    expect(grow(trained({ ramps }), plan({ tau: "fixed" }), 1).ramps).toEqual([]);
    expect(grow(trained({ ramps, step: 49 }), plan({ tau: "fixed" }), 1).ramps).toEqual(ramps);
  });
});

describe("the learning rate", () => {
  it("rises again from zero after a growth with rewarm", () => {
    const { rewarm } = grow(trained(), plan({ rewarm: 4 }), 1);
    expect(rewarm).toEqual({ start: 50, steps: 4 });
    const options = { steps: 1000, learningRate: 1, minimumLearningRate: 1, warmup: 0, decayFraction: 0.2 };
    const rates = [50, 51, 53, 54, 90].map((step) =>
      learningRateAt(step, { ...options, schedule: "constant" }, rewarm),
    );
    expect(rates).toEqual([0.2, 0.4, 0.8, 1, 1]);
  });

  it("goes on where it was without it", () => {
    const rewarm = { start: 48, steps: 9 };
    expect(grow(trained({ rewarm }), plan(), 1).rewarm).toBe(rewarm);
    expect(grow(trained(), plan(), 1).rewarm).toBeUndefined();
  });
});
