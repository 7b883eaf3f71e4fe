/** What pruning drops, what it keeps, and what is then computed. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { measureUsage } from "../../src/analysis/index.ts";
import { UserError } from "../../src/errors.ts";
import {
  grow,
  growthPlanSchema,
  type ModelState,
  type PruneOptions,
  prune,
  type TokenWorth,
} from "../../src/growth/index.ts";
import { Inference, uploadArrays } from "../../src/inference/index.ts";
import { type CompleteModelConfig, givenOf, modelOf, sites } from "../../src/model/index.ts";
import { pattentionActivations } from "../../src/nn/index.ts";
import { Random } from "../../src/random.ts";
import { required } from "../../src/required.ts";
import { useDevice } from "../support/device.ts";
import {
  drawnBatch,
  drawnParameters,
  logitsOf,
  modelState,
  relativeDifference,
  tinyTokenFormer,
  tokenRows,
} from "../support/models.ts";
import { gelu, theta, total } from "../support/reference.ts";
import { expectClose, normal, values } from "../support/values.ts";

const device = useDevice();
const batch = drawnBatch("prune", [3, 4], 13);

const options = (given: Partial<PruneOptions> = {}): PruneOptions => ({
  keep: 0.7,
  by: "site",
  tau: "corrected",
  ...given,
});

/** After 50 updates, grown at 30 and 40, with moments. */
function grownState(config: CompleteModelConfig = tinyTokenFormer): ModelState {
  const plan = (add: Record<string, number>) => growthPlanSchema.parse({ add });
  const old = modelState(config, { parameters: drawnParameters(config), step: 30 });
  const once = grow(old, plan({ query: 3, feedForward: 4 }), 1);
  const twice = { ...grow({ ...once, step: 40 }, plan({ feedForward: 2 }), 2), step: 50 };
  const moment = (deviation: number) => drawnParameters(twice.config, deviation);
  return { ...twice, moments: { first: moment(0.1), second: moment(0.3) } };
}

/** Worth by a number for each token of each site. */
function worthOf(state: ModelState, of: (path: string, index: number) => number): Map<string, TokenWorth> {
  return new Map(
    sites(state.config).map(({ path, tokens }) => {
      const contribution = Float64Array.from({ length: tokens }, (_, index) => of(path, index));
      const whole = contribution.reduce((sum, value) => sum + value) || 1;
      return [path, { contribution, normaliserShare: contribution.map((value) => value / whole) }];
    }),
  );
}

async function measured(state: ModelState) {
  const parameters = await uploadArrays(device(), state.parameters);
  const inference = new Inference(device(), modelOf(state.config), parameters, givenOf(state.config));
  const usage = await measureUsage(inference, [batch]);
  await inference.release();
  await device().dispose(parameters.values());
  return usage;
}

const SITE = "blocks.1.feedForward";

describe("the tokens that stay", () => {
  const state = grownState();
  // 17 tokens: 11 first ones, 4 born at 30, 2 born at 40. The odd ones are worth more.
  const worth = worthOf(state, (_, index) => (index % 2 === 1 ? 10 : 1) + index / 100);
  const pruned = prune(state, worth, options({ keep: 0.5 }));
  const kept = [1, 3, 5, 7, 9, 11, 13, 15, 16];

  it("are the best, in the order in which they were, with their moments", () => {
    for (const [name, before, after] of [
      ["parameters", state.parameters, pruned.parameters],
      ["first moments", state.moments?.first, pruned.moments?.first],
      ["second moments", state.moments?.second, pruned.moments?.second],
    ] as const) {
      if (before === undefined || after === undefined) expect.fail(`no ${name}`);
      for (const part of ["keys", "values"]) {
        const [old, now] = [before, after].map((arrays) => required(arrays, `${SITE}.${part}`));
        if (old === undefined || now === undefined) expect.fail();
        expect(now.shape).toEqual([9, 10]);
        expect(tokenRows(now, 0), name).toEqual(kept.flatMap((index) => tokenRows(old, index, index + 1)));
      }
      expect(required(after, "embedding.tokens")).toBe(required(before, "embedding.tokens"));
    }
  });

  it("keep their generations", () => {
    expect(required(pruned.lineage, SITE).map(({ tokens, born }) => [tokens, born])).toEqual([
      [5, 0],
      [2, 30],
      [2, 40],
    ]);
  });

  it("keep count of those that are lost, so that growing again at that step draws others", () => {
    const again = grow(pruned, growthPlanSchema.parse({ add: { feedForward: 2 } }), 2);
    expect(required(again.lineage, SITE).map(({ tokens, lost }) => [tokens, lost])).toEqual([
      [5, 6],
      [2, 2],
      [2, undefined],
      [2, undefined],
    ]);
    // Of 15 tokens, as many as there were when these last two were drawn, those that were first there are kept.
    const fifteen = { ...state, step: 40 };
    const few = worthOf(fifteen, (path, index) => (path === SITE && index > 12 ? 100 : 50 - index));
    const back = prune(fifteen, few, options({ keep: 15 / 17 }));
    const twins = grow(back, growthPlanSchema.parse({ add: { feedForward: 2 } }), 2);
    const values = required(twins.parameters, `${SITE}.values`);
    expect(values.shape).toEqual([17, 10]);
    expect(tokenRows(values, 13, 15)).toEqual(tokenRows(required(state.parameters, `${SITE}.values`), 15, 17));
    expect(tokenRows(values, 15, 17)).not.toEqual(tokenRows(values, 13, 15));
  });

  it("are counted in the configuration", () => {
    expect(pruned.config).toMatchObject({ tokens: { query: 5, key: 3, value: 5, projection: 4, feedForward: 9 } });
  });

  it("leave out a generation that has none left", () => {
    const old = prune(
      state,
      worthOf(state, (_, index) => 100 - index),
      options({ keep: 0.5 }),
    );
    expect(required(old.lineage, SITE)).toMatchObject([{ tokens: 9, born: 0, lost: 8 }]);
  });

  it("are ranked over all sites by their part in what the site gives, whatever the site's unit", () => {
    // Each site has one token that matters, and all of one site are alike.
    const even = "blocks.0.attention.key";
    const unlike = worthOf(state, (path, index) =>
      path === even ? 1e-6 : (path === SITE ? 1e6 : 1) * (index === 2 ? 1 : 0.01),
    );
    const whole = sites(state.config).reduce((sum, { tokens }) => sum + tokens, 0);
    const { config } = prune(state, unlike, options({ by: "model", keep: (9 + 6) / whole }));
    const left = new Map(sites(config).map(({ path, tokens }) => [path, tokens]));
    expect(required(left, even)).toBe(6);
    for (const [path, tokens] of left) if (path !== even) expect(tokens, path).toBe(1);
  });
});

describe("what is computed", () => {
  it.each(pattentionActivations)("stays the same, bit by bit, where all tokens stay, with %s", async (activation) => {
    const state = grownState({ ...tinyTokenFormer, activation });
    const usage = await measured(state);
    for (const by of ["site", "model"] as const) {
      const pruned = prune(state, usage, options({ keep: 1, by }));
      expect(pruned).toEqual(state);
      expect((await logitsOf(device(), pruned, batch)).data).toEqual((await logitsOf(device(), state, batch)).data);
    }
  });

  it.each(["l2_norm_gelu", "gelu_l2_norm"] as const)(
    "stays the same where unused tokens go, and so does τ, with %s",
    async (activation) => {
      const config: CompleteModelConfig = { ...tinyTokenFormer, activation };
      const old = modelState(config, { parameters: drawnParameters(config) });
      const add = { query: 7, key: 6, value: 9, projection: 8, feedForward: 11 };
      const grown = grow(old, growthPlanSchema.parse({ add, tau: "fixed" }), 1);
      const usage = await measured(grown);
      for (const by of ["site", "model"] as const) {
        const pruned = prune(grown, usage, options({ keep: 0.5, by }));
        expect(sites(pruned.config).map(({ tokens }) => tokens)).toEqual(sites(config).map(({ tokens }) => tokens));
        expect(givenOf(pruned.config)).toEqual(givenOf(grown.config));
        const [before, after] = [await logitsOf(device(), grown, batch), await logitsOf(device(), pruned, batch)];
        expect(relativeDifference(before, after)).toBeLessThan(1e-6);
      }
    },
  );

  // For a single row of scores, the mean share of the normaliser is the row's own, and the correction is exact.
  it.each(pattentionActivations)("has the weights that it had for the tokens that stay, with %s", (activation) => {
    const config: CompleteModelConfig = { ...tinyTokenFormer, activation };
    const state = modelState(config, { parameters: drawnParameters(config) });
    const scores = normal("scores", [11], 2).data;
    const tau = Math.sqrt(11);
    const parts = { l2_norm_gelu: (x: number) => x ** 2, gelu_l2_norm: (x: number) => gelu(x) ** 2, softmax: Math.exp };
    const normaliser = scores.map(parts[activation]);
    const worth = worthOf(state, (_, index) => 12 - index);
    worth.set(SITE, {
      contribution: Float64Array.from({ length: 11 }, (_, index) => 12 - index),
      normaliserShare: Float64Array.from(normaliser, (part) => part / total(normaliser)),
    });
    const before = theta(activation, scores, tau).slice(0, 5);
    const weightsWith = (how: "corrected" | "fixed") => {
      const pruned = prune(state, worth, options({ keep: 5 / 11, tau: how }));
      const [old, now] = [state, pruned].map(({ parameters }) => required(parameters, `${SITE}.values`).data[0] ?? 0);
      const newTau = givenOf(pruned.config).get(`${SITE}.tau`) ?? Number.NaN;
      return theta(activation, scores.slice(0, 5), newTau).map((weight) => (weight * (now ?? 0)) / (old ?? 0));
    };
    expectClose(values([5], weightsWith("corrected")), values([5], before), 1e-6);
    expect(Math.abs((weightsWith("fixed")[0] ?? 0) / (before[0] ?? 0) - 1)).toBeGreaterThan(0.01);
  });

  it("does not move the end of a ramp of τ apart from its beginning", () => {
    const ramps = [{ site: SITE, from: 3, to: 4, start: 40, steps: 20 }];
    const state = { ...grownState(), ramps };
    const worth = worthOf(state, () => 1);
    const kept = Math.round(0.7 * 17) / 17;
    const [ramp] = prune(state, worth, options()).ramps;
    expect(ramp).toMatchObject({ site: SITE, start: 40, steps: 20 });
    expect(ramp?.from).toBeCloseTo(3 * Math.sqrt(kept), 12);
    expect(ramp?.to).toBeCloseTo(4 * Math.sqrt(kept), 12);
    expect(prune(state, worth, options({ tau: "fixed" })).ramps).toEqual(ramps);
  });
});

it("computes the same from a τ that is learned as from one that is given", async () => {
  const given = grownState();
  const learned = grow(given, growthPlanSchema.parse({ add: { feedForward: 3 }, tau: "learned" }), 3);
  const fixed = grow(given, growthPlanSchema.parse({ add: { feedForward: 3 }, tau: "fixed" }), 3);
  const worth = worthOf(learned, (path, index) => path.length + ((7 * index) % 5));
  const [one, other] = [learned, fixed].map((state) => prune(state, worth, options()));
  if (one === undefined || other === undefined) throw new Error("two states");
  const scaled = required(one.parameters, `${SITE}.tau`).data[0] ?? Number.NaN;
  expect(scaled / (required(learned.parameters, `${SITE}.tau`).data[0] ?? 0)).toBeLessThan(0.95);
  expect(one.moments?.first.get(`${SITE}.tau`)).toEqual(learned.moments?.first.get(`${SITE}.tau`));
  const [a, b] = [await logitsOf(device(), one, batch), await logitsOf(device(), other, batch)];
  expect(relativeDifference(a, b)).toBeLessThan(1e-6);
});

it("drops the right number of rows everywhere, and leaves the old state as it is", () => {
  const state = grownState();
  const before = structuredClone(state);
  const share = fc.double({ min: 0.1, max: 1, noNaN: true });
  fc.assert(
    fc.property(share, fc.constantFrom("site", "model"), fc.integer(), (keep, by, seed) => {
      const random = Random.from("prune", seed);
      // One token of each site is worth so much that no site is left without.
      const worth = worthOf(state, (_, index) => (index === 2 ? 1e6 : random.uniform()));
      const pruned = prune(state, worth, options({ keep, by }));
      const all = sites(state.config).reduce((sum, { tokens }) => sum + tokens, 0);
      const left = sites(pruned.config).reduce((sum, { tokens }) => sum + tokens, 0);
      if (by === "model") expect(left).toBe(Math.round(keep * all));
      for (const { path, tokens } of sites(pruned.config)) {
        const old = required(state.parameters, `${path}.keys`).shape[0] ?? 0;
        if (by === "site") expect(tokens).toBe(Math.round(keep * old));
        expect(required(pruned.lineage, path).reduce((sum, born) => sum + born.tokens, 0)).toBe(tokens);
        for (const arrays of [pruned.parameters, pruned.moments?.first, pruned.moments?.second]) {
          for (const part of ["keys", "values"]) {
            expect(required(arrays ?? new Map(), `${path}.${part}`).shape).toEqual([tokens, 10]);
          }
        }
      }
    }),
    { numRuns: 60 },
  );
  expect(state).toEqual(before);
});

describe("refuses", () => {
  const refusal = (attempt: () => unknown): unknown => {
    try {
      return attempt();
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      return error;
    }
  };
  const state = modelState(tinyTokenFormer);
  const worth = worthOf(state, (path, index) => (path === SITE ? 1 : index === 0 ? 1 : 0.001));

  it.each([0, -0.5, 1.2, Number.NaN])("to keep %s", (keep) => {
    expect(refusal(() => prune(state, worth, options({ keep })))).toMatchObject({
      message: `keep is ${keep}, expected a share above 0 and up to 1, such as 0.7 for 70 % of the tokens`,
    });
  });

  it("a site without a token", () => {
    expect(refusal(() => prune(state, worth, options({ keep: 0.06 })))).toMatchInlineSnapshot(
      `[UserError: keeping 0.06 of the tokens leaves none of 7 in blocks.0.attention.query; keep at least 0.072]`,
    );
    const flat = worthOf(state, (path, index) => (path === SITE && index > 0 ? 0 : 1));
    expect(refusal(() => prune(state, flat, options({ keep: 0.01, by: "model" })))).toMatchInlineSnapshot(
      `[UserError: keeping 0.01 of the tokens leaves none of 7 in blocks.0.attention.query; keep more, or the same share of each site]`,
    );
  });

  it("a model without parameter tokens", () => {
    const bigram = modelState({ type: "bigram", vocabulary: 13, context: 5 });
    expect(refusal(() => prune(bigram, new Map(), options()))).toMatchInlineSnapshot(
      `[UserError: pruning drops parameter tokens of a tokenformer, and this is a bigram]`,
    );
  });
});
