import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scheduleOf } from "../../src/configuration/config.ts";
import { learningRateAt, type Restart } from "../../src/optimizer/schedule.ts";
import { tinyConfig } from "../training/support.ts";

type Options = Parameters<typeof learningRateAt>[1] & { readonly minimumLearningRate: number };

const cosine: Options = {
  steps: 110,
  learningRate: 0.8,
  minimumLearningRate: 0.2,
  schedule: "cosine",
  warmup: 10,
  decayFraction: 0.2,
};
const constant: Options = { ...cosine, schedule: "constant" };
const stable: Options = { ...cosine, steps: 100, schedule: "warmup-stable-decay" };

const rates = (options: Options, steps: readonly number[]) => steps.map((step) => learningRateAt(step, options));

const anyOptions = fc
  .record({
    steps: fc.integer({ min: 1, max: 300 }),
    learningRate: fc.double({ min: 1e-6, max: 10, noNaN: true }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    schedule: fc.constantFrom("cosine", "constant", "warmup-stable-decay"),
    warmup: fc.integer({ min: 0, max: 400 }),
    decayFraction: fc.double({ min: 1e-3, max: 1, noNaN: true }),
    decayShape: fc.constantFrom("linear", "1-sqrt"),
  })
  .map(({ share, ...options }): Options => ({ ...options, minimumLearningRate: share * options.learningRate }));

describe("the warm-up", () => {
  it("rises from the first step in equal parts and ends below the highest rate", () => {
    const parts = Array.from({ length: 10 }, (_, step) => (0.8 * (step + 1)) / 11);
    for (const options of [cosine, constant, stable]) {
      const rising = rates(options, [...parts.keys()]);
      rising.forEach((rate, step) => {
        expect(rate).toBeCloseTo(parts[step] ?? Number.NaN, 12);
      });
      expect(learningRateAt(10, options)).toBe(0.8);
    }
  });

  it("may be none", () => {
    expect(learningRateAt(0, { ...cosine, warmup: 0 })).toBe(0.8);
  });

  it("may be longer than the training", () => {
    expect(rates({ ...cosine, steps: 3, warmup: 7 }, [0, 1, 2])).toEqual([0.1, 0.2, (0.8 * 3) / 8]);
  });

  it("is monotone", () => {
    fc.assert(
      fc.property(anyOptions, (options) => {
        const steps = Array.from({ length: options.warmup }, (_, step) => step);
        const found = rates(options, steps);
        expect(found).toEqual(found.toSorted((a, b) => a - b));
      }),
    );
  });
});

describe("the schedules", () => {
  it("cosine falls by half a wave from the highest rate to the minimum", () => {
    const found = rates(cosine, [10, 35, 60, 85, 109, 110, 1000]);
    const expected = [
      0.8,
      0.2 + 0.3 * (1 + Math.SQRT1_2), // a quarter of the way
      0.5,
      0.2 + 0.3 * (1 - Math.SQRT1_2),
      0.2 + 0.3 * (1 + Math.cos(0.99 * Math.PI)), // the last update
      0.2,
      0.2,
    ];
    found.forEach((rate, index) => {
      expect(rate).toBeCloseTo(expected[index] ?? Number.NaN, 12);
    });
  });

  it("constant stays", () => {
    expect(rates(constant, [10, 60, 109, 110, 1000])).toEqual([0.8, 0.8, 0.8, 0.8, 0.8]);
  });

  it("warmup-stable-decay stays and falls in a line over its last share", () => {
    const found = rates(stable, [10, 79, 80, 85, 90, 99, 100, 1000]);
    const expected = [0.8, 0.8, 0.8, 0.65, 0.5, 0.23, 0.2, 0.2];
    found.forEach((rate, index) => {
      expect(rate).toBeCloseTo(expected[index] ?? Number.NaN, 12);
    });
  });

  it("warmup-stable-decay falls by 1 - √ where it is told to, fast at first", () => {
    const found = rates({ ...stable, decayShape: "1-sqrt" }, [79, 80, 85, 99, 100, 1000]);
    const expected = [0.8, 0.8, 0.5, 0.8 - 0.6 * Math.sqrt(0.95), 0.2, 0.2];
    found.forEach((rate, index) => {
      expect(rate).toBeCloseTo(expected[index] ?? Number.NaN, 12);
    });
  });

  it("are always between zero and the highest rate, and not below the minimum after the warm-up", () => {
    fc.assert(
      fc.property(anyOptions, fc.integer({ min: 0, max: 500 }), (options, step) => {
        const rate = learningRateAt(step, options);
        expect(rate).toBeGreaterThanOrEqual(0);
        expect(rate).toBeLessThanOrEqual(options.learningRate);
        const roundings = 1e-12 * options.learningRate;
        if (step >= options.warmup) expect(rate).toBeGreaterThanOrEqual(options.minimumLearningRate - roundings);
      }),
    );
  });
});

describe("after growth", () => {
  it("the rate rises again to the schedule in equal parts", () => {
    const rewarm = { start: 40, steps: 4 };
    const found = [40, 41, 42, 43, 44, 60].map((step) => learningRateAt(step, constant, rewarm));
    const expected = [0.16, 0.32, 0.48, 0.64, 0.8, 0.8];
    found.forEach((rate, index) => {
      expect(rate).toBeCloseTo(expected[index] ?? Number.NaN, 12);
    });
  });

  it("the rise multiplies the warm-up and the schedule", () => {
    const rewarm = { start: 4, steps: 9 };
    expect(learningRateAt(6, cosine, rewarm)).toBeCloseTo(0.3 * learningRateAt(6, cosine), 12);
    expect(learningRateAt(12, cosine, rewarm)).toBeCloseTo(0.9 * learningRateAt(12, cosine), 12);
  });

  it("the rate stays between zero and that of the schedule", () => {
    const when = fc.record({ start: fc.integer({ min: 0, max: 300 }), steps: fc.integer({ min: 1, max: 100 }) });
    fc.assert(
      fc.property(anyOptions, when, fc.integer({ min: 0, max: 200 }), (options, rewarm, later) => {
        const step = rewarm.start + later;
        const rate = learningRateAt(step, options, rewarm);
        expect(rate).toBeGreaterThanOrEqual(0);
        expect(rate).toBeLessThanOrEqual(learningRateAt(step, options));
        if (later >= rewarm.steps) expect(rate).toBe(learningRateAt(step, options));
      }),
    );
  });
});

describe("restarts", () => {
  /** Phases of 100, 50 and 50 updates. */
  const restarts: Restart[] = [{ step: 100 }, { step: 150, learningRate: 0.4, warmup: 4 }];
  const expectRates = (options: Options, expected: Readonly<Record<number, number>>) => {
    for (const [step, rate] of Object.entries(expected)) {
      expect(learningRateAt(Number(step), options), `step ${step}`).toBeCloseTo(rate, 12);
    }
  };

  it("let a cosine begin again with its warm-up, and end before the next", () => {
    const options = { ...cosine, steps: 200, restarts };
    expectRates(options, {
      0: 0.8 / 11,
      9: 8 / 11,
      10: 0.8,
      55: 0.5,
      85: 0.2 + 0.3 * (1 + Math.cos((75 / 90) * Math.PI)),
      99: 0.2 + 0.3 * (1 + Math.cos((89 / 90) * Math.PI)),
      100: 0.8 / 11,
      109: 8 / 11,
      110: 0.8,
      130: 0.5,
      149: 0.2 + 0.3 * (1 + Math.cos((39 / 40) * Math.PI)),
      150: 0.4 / 5,
      153: 1.6 / 5,
      154: 0.4,
      177: 0.3,
      199: 0.2 + 0.1 * (1 + Math.cos((45 / 46) * Math.PI)),
      200: 0.2,
      1000: 0.2,
    });
  });

  it("let warmup-stable-decay fall in the last share of each phase", () => {
    const options = { ...stable, steps: 200, restarts };
    expectRates(options, {
      79: 0.8,
      80: 0.8,
      90: 0.5,
      99: 0.23,
      100: 0.8 / 11,
      110: 0.8,
      140: 0.8,
      145: 0.5,
      149: 0.26,
      150: 0.08,
      154: 0.4,
      190: 0.4,
      195: 0.3,
      200: 0.2,
    });
  });

  it("let a constant rate rise again", () => {
    const options = { ...constant, steps: 200, restarts };
    expectRates(options, { 99: 0.8, 100: 0.8 / 11, 110: 0.8, 149: 0.8, 150: 0.08, 154: 0.4, 199: 0.4 });
  });

  it("end each phase at a tenth of its own rate where no minimum is given", () => {
    const { minimumLearningRate: _, ...options } = { ...cosine, steps: 200, restarts, warmup: 0 };
    expect(learningRateAt(99, options)).toBeCloseTo(0.08 + 0.36 * (1 + Math.cos(0.99 * Math.PI)), 12);
    expect(learningRateAt(200, options)).toBeCloseTo(0.04, 12);
  });

  it("keep the rate of the last that named one, even one at the same step", () => {
    const same = [{ step: 100, learningRate: 0.6 }, { step: 100, warmup: 1 }, { step: 150 }];
    expectRates({ ...constant, steps: 200, restarts: same }, { 99: 0.8, 100: 0.3, 101: 0.6, 149: 0.6, 160: 0.6 });
  });

  it("make each phase what it is as a training of its own", () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 299 }), { maxLength: 4 });
    fc.assert(
      fc.property(anyOptions, cuts, fc.integer({ min: 0, max: 299 }), (options, unsorted, step) => {
        const steps = unsorted.toSorted((a, b) => a - b);
        const whole = { ...options, steps: 300, restarts: steps.map((at) => ({ step: at })) };
        const start = steps.findLast((at) => at <= step) ?? 0;
        const end = steps.find((at) => at > step) ?? 300;
        expect(learningRateAt(step, whole)).toBe(learningRateAt(step - start, { ...options, steps: end - start }));
      }),
    );
  });

  it("are the growth plans that ask for one, by their steps", () => {
    const add = { query: 2 };
    const growth = [
      { step: 9, add, restart: true, learningRate: 0.004 },
      { step: 7, add },
      { step: 5, add, restart: true, warmup: 0 },
    ];
    const { restarts, ...others } = scheduleOf(tinyConfig({}, { growth }));
    expect(restarts).toMatchObject([
      { step: 5, warmup: 0 },
      { step: 9, learningRate: 0.004 },
    ]);
    expect(others).toMatchObject({ steps: 12, learningRate: 0.01, warmup: 3, schedule: "cosine" });
  });

  it("are needed where a growth plan names a learning rate or a warm-up", () => {
    for (const key of ["learningRate", "warmup"]) {
      expect(() => tinyConfig({}, { growth: [{ step: 5, add: { query: 2 }, [key]: 1 }] })).toThrow(
        /is for a schedule that begins again; add restart: true/,
      );
    }
  });
});
