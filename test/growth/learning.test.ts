/** Whether new tokens learn, and old ones rest while they are frozen. */

import { describe, expect, it } from "vitest";
import { type GrowthPlan, grow, growthPlanSchema, type HostArray, type ModelState } from "../../src/growth/index.ts";
import { type CompleteModelConfig, givenOf, modelOf, sizesOf } from "../../src/model/index.ts";
import { required } from "../../src/required.ts";
import { initialState, Trainer } from "../../src/training/portable.ts";
import { useDevice } from "../support/device.ts";
import { drawnBatch, lossGradients, modelState, sitePathsOf, tinyTokenFormer, tokenRows } from "../support/models.ts";

const device = useDevice();
const batch = drawnBatch("learning", [3, 4], 13);
const ADDED = 3;
const add = { query: ADDED, key: ADDED, value: ADDED, projection: ADDED, feedForward: ADDED };
const plan = (given: Partial<GrowthPlan> = {}): GrowthPlan => growthPlanSchema.parse({ add, ...given });
const options = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clip: 0 };

const zeroRows = (rows: readonly number[]) => rows.every((value) => value === 0);
const movedRows = (rows: readonly number[]) => rows.some((value) => value !== 0) && rows.every(Number.isFinite);

/** The rows of a parameter that growing appended. */
const fresh = (array: { shape: readonly number[]; data: ArrayLike<number> }) =>
  tokenRows(array, (array.shape[0] ?? 0) - ADDED);

const newModel = (activation: "l2_norm_gelu" | "gelu_l2_norm" | "softmax" = "l2_norm_gelu"): ModelState => {
  const config: CompleteModelConfig = { ...tinyTokenFormer, activation };
  return modelState(config, initialState(modelOf(config), 3, sizesOf(config)));
};

/** Makes updates and gives the parameters after each. */
async function train(state: ModelState, updates: number, decay = 0): Promise<ReadonlyMap<string, HostArray>[]> {
  const given = givenOf(state.config);
  const trainer = await Trainer.create(device(), modelOf(state.config), state, {
    ...options,
    weightDecay: decay,
    given,
  });
  const found: ReadonlyMap<string, HostArray>[] = [];
  for (let update = 0; update < updates; update++) {
    await trainer.update([batch], 0.01, 1);
    found.push((await trainer.download()).parameters);
  }
  await trainer.close();
  return found;
}

describe.each(["l2_norm_gelu", "gelu_l2_norm"] as const)("zero keys with %s", (activation) => {
  it("learn first, their values as soon as the keys have moved", async () => {
    const grown = grow(newModel(activation), plan(), 1);
    const gradients = await lossGradients(device(), grown, batch);
    const [one, two] = await train(grown, 2);
    if (one === undefined || two === undefined) expect.fail("two updates");
    for (const path of sitePathsOf(grown.config)) {
      const [keys, values] = [`${path}.keys`, `${path}.values`];
      expect(movedRows(fresh(required(gradients, keys))), keys).toBe(true);
      expect(zeroRows(fresh(required(gradients, values))), values).toBe(true);
      expect(movedRows(fresh(required(one, keys))), keys).toBe(true);
      expect(fresh(required(one, values))).toEqual(fresh(required(grown.parameters, values)));
      expect(fresh(required(two, keys))).not.toEqual(fresh(required(one, keys)));
      expect(fresh(required(two, values))).not.toEqual(fresh(required(one, values)));
    }
    const next = await lossGradients(device(), { config: grown.config, parameters: one }, batch);
    for (const [name, gradient] of next) {
      if (/(keys|values)$/.test(name)) expect(movedRows(fresh(gradient)), name).toBe(true);
    }
  });

  it("would be dead for ever if the values were zero too", async () => {
    const grown = grow(newModel(activation), plan(), 1);
    const parameters = new Map(
      [...grown.parameters].map(([name, { shape, data }]) => {
        if (!name.endsWith(".values")) return [name, { shape, data }] as const;
        const emptied = data.map((value, index) => (index < data.length - ADDED * 10 ? value : 0));
        return [name, { shape, data: emptied }] as const;
      }),
    );
    const gradients = await lossGradients(device(), { ...grown, parameters }, batch);
    const [, , last] = await train({ ...grown, parameters }, 3);
    for (const [name, gradient] of gradients) {
      if (!/(keys|values)$/.test(name)) continue;
      expect(zeroRows(fresh(gradient)), name).toBe(true);
      expect(zeroRows(fresh(required(last ?? new Map(), name))), name).toBe(true);
    }
  });
});

it.each([
  ["split", "softmax"],
  ["split", "l2_norm_gelu"],
  ["random", "l2_norm_gelu"],
] as const)("%s tokens learn from the first step on, with %s", async (init, activation) => {
  const doubled = { query: "x2", key: "x2", value: "x2", projection: "x2", feedForward: "x2" };
  const grown = grow(newModel(activation), plan({ init, add: doubled }), 1);
  for (const [name, gradient] of await lossGradients(device(), grown, batch)) {
    if (/(keys|values)$/.test(name)) expect(movedRows(fresh(gradient)), name).toBe(true);
  }
});

it("copies of a split part ways: their shares of a value differ, so do their gradients", async () => {
  const doubled = { feedForward: "x2" };
  const [trained] = await train(grow(newModel(), plan({ init: "split", add: doubled, tau: "fixed" }), 1), 3);
  const keys = required(trained ?? new Map<string, HostArray>(), "blocks.0.feedForward.keys");
  expect(tokenRows(keys, 0, 11)).not.toEqual(tokenRows(keys, 11));
});

describe("frozen tokens", () => {
  it("stay as they are, bit by bit, for the steps of the plan, while new ones move", async () => {
    const grown = grow(newModel(), plan({ freeze: 2, add: { query: ADDED, feedForward: ADDED } }), 1);
    const states = await train(grown, 3, 0.1);
    let before = grown.parameters;
    for (const [update, after] of states.entries()) {
      for (const [name, array] of after) {
        const old = required(before, name);
        const frozen = update < 2 && /(query|feedForward)\.(keys|values)$/.test(name);
        const until = frozen ? (array.shape[0] ?? 0) - ADDED : undefined;
        expect(tokenRows(array, 0, until).join() === tokenRows(old, 0, until).join(), `${name} ${update}`).toBe(frozen);
        if (frozen) expect(fresh(array), `${name} ${update}`).not.toEqual(fresh(old));
      }
      before = after;
    }
  });

  it("are not counted as updated", async () => {
    const grown = grow(newModel(), plan({ freeze: 2 }), 1);
    const given = givenOf(grown.config);
    const trainer = await Trainer.create(device(), modelOf(grown.config), grown, { ...options, given });
    for (let update = 0; update < 3; update++) await trainer.update([batch], 0.01, 1);
    const { lineage, step, updates } = await trainer.download();
    await trainer.close();
    expect({ step, updates }).toEqual({ step: 3, updates: 3 });
    expect(required(lineage, "blocks.0.feedForward").map((generation) => generation.updates)).toEqual([1, 3]);
  });
});
