/** Branches of a run that end with a falling learning rate. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadCheckpoint } from "../../src/checkpoint/index.ts";
import { type CooldownLength, configSchema, cooldownOf, scheduleOf } from "../../src/configuration/index.ts";
import { learningRateAt } from "../../src/optimizer/index.ts";
import { useFolder } from "../formats/helpers.ts";
import { useDevice } from "../support/device.ts";
import { corpus, measured, ofType, tinyConfig, trained } from "./support.ts";

const device = useDevice();
const folder = useFolder();

const constant = (steps: number) => tinyConfig({ steps, schedule: "constant", warmup: 2, learningRate: 0.008 });

const at = (step: number) => ({ trunk: constant(12), step, growthsDone: 0, where: "run" });

it("is the end of the run that had the cooldown in its configuration from the beginning", async () => {
  const growth = [
    { step: 3, add: { query: 2, feedForward: 3 } },
    { step: 9, add: { key: 2 } },
  ];
  const trunk = tinyConfig({ steps: 7, schedule: "constant", warmup: 2 }, { growth: growth.slice(0, 1) });
  const options = { data: corpus, device: device() };
  await trained({ ...options, config: trunk, out: folder.at("trunk") });
  const { config, state, progress } = await loadCheckpoint(folder.at("trunk"));
  const start = { trunk: config, step: state.step, growthsDone: progress.growthsDone, where: "trunk" };
  // The plan of step 9 is not the branch's, which ends at step 11.
  const cooled = cooldownOf(
    { ...config, growth: [...config.growth, ...tinyConfig({}, { growth }).growth.slice(1)] },
    start,
    {
      updates: 4,
    },
  );
  const branch = ofType(await trained({ ...options, config: cooled, from: folder.at("trunk") }), "step");
  const decay = { decayFraction: 4 / 11, decayShape: "1-sqrt", minimumLearningRate: 0 } as const;
  const whole = tinyConfig(
    { steps: 11, schedule: "warmup-stable-decay", warmup: 2, ...decay },
    { growth: growth.slice(0, 1) },
  );
  const all = ofType(await trained({ ...options, config: whole }), "step");
  expect(branch.map(measured)).toEqual(all.map(measured).slice(7));
  expect(branch.map(({ learningRate }) => learningRate)).toEqual(
    [0, 1, 2, 3].map((update) => 0.01 - 0.01 * Math.sqrt(update / 4)),
  );
});

describe("the learning rate of a branch", () => {
  it("falls from what it was by 1 - √ to 0, over a share of all updates or a number of them", () => {
    const lengths = fc.oneof(
      fc.integer({ min: 1, max: 5000 }).map((updates) => ({ updates })),
      fc.double({ min: 0.001, max: 0.99, noNaN: true }).map((share) => ({ share })),
    );
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 20_000 }), lengths, (step, length) => {
        const cooled = cooldownOf(constant(step), at(step), length);
        const { steps } = cooled.training;
        const updates = steps - step;
        if ("updates" in length) expect(updates).toBe(length.updates);
        else expect(Math.abs(updates - length.share * steps)).toBeLessThanOrEqual(Math.max(1, steps / step));
        for (const made of [0, Math.floor(updates / 2), updates - 1]) {
          const rate = learningRateAt(step + made, scheduleOf(cooled));
          expect(rate).toBeCloseTo(0.008 * (1 - Math.sqrt(made / updates)), 8);
        }
        expect(learningRateAt(step - 1, scheduleOf(cooled))).toBe(0.008);
        expect(learningRateAt(steps, scheduleOf(cooled))).toBe(0);
      }),
    );
  });

  it("is that of the last phase, where a growth let the schedule begin again", () => {
    const add = { query: 2 };
    const growth = [{ step: 3, add, restart: true, learningRate: 0.02, warmup: 1 }];
    const trunk = tinyConfig({ steps: 7, schedule: "constant", warmup: 2 }, { growth });
    // What else is asked for has no part in it.
    const asked = tinyConfig({ steps: 7, schedule: "constant", warmup: 2 }, { growth: [{ step: 9, add }] });
    const cooled = cooldownOf(asked, { ...at(7), trunk, growthsDone: 1 }, { updates: 4 });
    expect(cooled).toMatchObject({ growth: trunk.growth, training: { decayFraction: 4 / 8 } });
    const rates = [7, 8, 9, 10].map((step) => learningRateAt(step, scheduleOf(cooled)));
    expect(rates).toEqual([0, 1, 2, 3].map((update) => expect.closeTo(0.02 * (1 - Math.sqrt(update / 4)), 9)));
  });

  it("ends where ranks exchange their updates", () => {
    const trunk = tinyConfig({ steps: 15, schedule: "constant", warmup: 2, localSteps: 3, evaluateEvery: 3 });
    const start = { ...at(15), trunk };
    const stepsOf = (length: CooldownLength) => {
      const cooled = cooldownOf(trunk, start, length);
      expect(configSchema.safeParse(cooled).error).toBeUndefined();
      return cooled.training.steps;
    };
    expect([0.01, 0.2, 0.4, 0.5].map((share) => stepsOf({ share }))).toEqual([18, 18, 24, 30]);
    expect(stepsOf({ updates: 6 })).toBe(21);
    for (const [updates, near] of [
      [1, 3],
      [5, 6],
      [7, 6],
    ] as const) {
      expect(() => stepsOf({ updates })).toThrow(
        `the last step of a cooldown of ${updates} updates from step 15 is ${15 + updates}, expected a multiple of training.localSteps, 3: what happens between updates happens where ranks exchange them; make ${near} updates`,
      );
    }
  });

  it.each([
    ["a run that has not begun", constant(5), 0],
    ["in the warm-up", constant(5), 1],
    ["where it falls already", tinyConfig({ steps: 12, schedule: "cosine", warmup: 2 }), 7],
  ])("cannot fall from %s", (_, trunk, step) => {
    const start = { ...at(step), trunk };
    expect(() => cooldownOf(trunk, start, { share: 0.2 })).toThrow(
      /^run: its learning rate is .* at step \d+, not the highest/,
    );
  });

  it("cannot fall while it rises after a growth that let the schedule begin again, nor in a longer warm-up of its own", () => {
    const growth = [{ step: 3, add: { query: 2 }, restart: true, warmup: 5 }];
    const trunk = tinyConfig({ steps: 12, schedule: "constant", warmup: 2 }, { growth });
    const cooled = (step: number) => cooldownOf(trunk, { ...at(step), trunk, growthsDone: 1 }, { updates: 4 });
    for (const step of [4, 7])
      expect(() => cooled(step), String(step)).toThrow(/not the highest, 0\.0100; .*training\.warmup$/);
    expect(cooled(8).training.steps).toBe(12);
    const longer = { ...constant(5), training: { ...constant(5).training, warmup: 7 } };
    expect(() => cooldownOf(longer, at(5), { updates: 3 })).toThrow("its learning rate is 0.00600 at step 5");
  });

  it("cannot begin with a jump to another rate, nor while it rises again after a growth", () => {
    const other = { ...constant(5), training: { ...constant(5).training, learningRate: 0.004 } };
    expect(() => cooldownOf(other, at(5), { updates: 3 })).toThrow("not the highest, 0.00400");
    const rising = { ...at(5), rewarm: { start: 4, steps: 3 } };
    expect(() => cooldownOf(constant(5), rising, { updates: 3 })).toThrow("run: its learning rate is 0.00400");
    expect(cooldownOf(constant(5), { ...at(8), rewarm: { start: 4, steps: 3 } }, { updates: 3 }).training.steps).toBe(
      11,
    );
  });
});
