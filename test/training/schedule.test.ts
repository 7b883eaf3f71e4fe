import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { learningRateAt } from "../../src/training/schedule.ts";

type Options = Parameters<typeof learningRateAt>[1];

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
