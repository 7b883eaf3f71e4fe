import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { meanCurve, spentAt } from "../../../src/lab/study/crossings.ts";
import {
  estimate,
  isDifferent,
  pairedDifference,
  pooledSpread,
  shuffleProbability,
  spearman,
} from "../../../src/lab/study/statistics.ts";

const bySeed = (...values: readonly number[]) => new Map(values.map((value, at) => [at + 1, value]));

describe("the bootstrap", () => {
  test("of three values reaches from the lowest to the highest: each is all of a resample in 1 of 27", () => {
    expect(estimate([5, 1, 3])).toEqual({ mean: 3, low: 1, high: 5, count: 3 });
  });

  test("of many values agrees with the normal interval", () => {
    const values = Array.from({ length: 400 }, (_, at) => at); // mean 199.5, deviation 115.47: standard error 5.77
    const found = estimate(values);
    expect(found?.mean).toBe(199.5);
    expect(found?.low).toBeGreaterThan(199.5 - 1.96 * 5.77 - 0.6);
    expect(found?.low).toBeLessThan(199.5 - 1.96 * 5.77 + 0.6);
    expect(found?.high).toBeGreaterThan(199.5 + 1.96 * 5.77 - 0.6);
    expect(found?.high).toBeLessThan(199.5 + 1.96 * 5.77 + 0.6);
  });

  test("is the same each time, moves with the values and scales with them", () => {
    const values = [1, 4, 9, 16, 25];
    const found = estimate(values);
    expect(estimate(values)).toEqual(found);
    const moved = estimate(values.map((value) => 2 * value + 10));
    expect(moved?.low).toBeCloseTo(2 * (found?.low ?? 0) + 10, 9);
    expect(moved?.high).toBeCloseTo(2 * (found?.high ?? 0) + 10, 9);
  });

  test("of one value is that value, of none undefined", () => {
    expect(estimate([7])).toEqual({ mean: 7, low: 7, high: 7, count: 1 });
    expect(estimate([])).toBeUndefined();
  });
});

describe("the pooled deviation", () => {
  test("is that within the groups, whatever lies between them", () => {
    // Squares 2 of (1, 2, 3), 8 of (10, 14), none of a single value: 10 over 2 + 1 degrees of freedom.
    const spread = pooledSpread([[1, 2, 3], [10, 14], [99], []]);
    expect(spread?.deviation).toBeCloseTo(Math.sqrt(10 / 3), 12);
    expect(spread?.degrees).toBe(3);
  });

  test("needs a group of two", () => {
    expect(pooledSpread([[1], [5]])).toBeUndefined();
  });
});

describe("a difference", () => {
  test("is paired by seed, of the seeds that both have", () => {
    const a = new Map([
      [1, 2.0],
      [2, 2.5],
      [3, 9],
    ]);
    const b = new Map([
      [2, 2.1],
      [1, 1.8],
      [7, 0],
    ]);
    const found = pairedDifference(a, b, 0.1);
    expect(found?.mean).toBeCloseTo(0.3, 12); // 0.2 and 0.4
    expect(found?.low).toBeCloseTo(0.2, 12);
    expect(found?.high).toBeCloseTo(0.4, 12);
    expect(found?.count).toBe(2);
    expect(found?.standardError).toBeCloseTo(0.1, 12); // 0.1 · √(2/2)
    expect([...(found?.values.keys() ?? [])]).toEqual([1, 2]);
  });

  test("has a direction", () => {
    expect(pairedDifference(bySeed(1), bySeed(3), 1)?.mean).toBe(-2);
    expect(pairedDifference(bySeed(3), bySeed(1), 1)?.mean).toBe(2);
    expect(pairedDifference(bySeed(1), new Map([[9, 1]]), 1)).toBeUndefined();
  });

  const different = (a: readonly number[], b: readonly number[], deviation: number) => {
    const difference = pairedDifference(bySeed(...a), bySeed(...b), deviation);
    return difference !== undefined && isDifferent(difference);
  };

  test("counts only if the interval leaves out 0 and it exceeds two standard errors", () => {
    expect(different([1.0, 1.1, 1.2], [1.5, 1.6, 1.7], 0.1)).toBe(true); // 0.5 against 2 · 0.0816
    expect(different([1.5, 1.6, 1.7], [1.0, 1.1, 1.2], 0.1)).toBe(true);
    expect(different([1.0, 1.1, 1.2], [1.1, 1.2, 1.3], 0.1)).toBe(false); // each by 0.1: less than 0.163
    expect(different([1.0, 1.1, 1.2], [1.9, 1.9, 1.1], 0.1)).toBe(false); // one the other way
    expect(different([1.0], [5.0], 0.1)).toBe(false); // a single seed
  });
});

describe("Spearman's correlation", () => {
  test("equals 1 − 6 Σd² / (n (n² − 1)) without ties", () => {
    // Ranks 1 2 3 4 5 and 2 1 4 3 5: Σd² = 4, so 1 − 24/120.
    expect(spearman([10, 20, 30, 40, 50], [7, 3, 11, 9, 99])).toBeCloseTo(0.8, 12);
    expect(spearman([1, 2, 3], [9, 5, 1])).toBeCloseTo(-1, 12);
  });

  test("gives ties their mean rank", () => {
    // Ranks 1.5 1.5 3 and 1 2 3: covariance 1.5, variances 1.5 and 2.
    expect(spearman([4, 4, 8], [1, 2, 3])).toBeCloseTo(1.5 / Math.sqrt(3), 12);
  });

  test("is undefined of two pairs, or where a side is constant", () => {
    expect(spearman([1, 2], [1, 2])).toBeUndefined();
    expect(spearman([1, 1, 1], [1, 2, 3])).toBeUndefined();
  });

  test("is unlikely by chance only where it is strong", () => {
    // All 24 orders of four are equally likely; two of them are as far from 0 as ±1.
    expect(shuffleProbability([1, 2, 3, 4], [1, 2, 3, 4])).toBeCloseTo(2 / 24, 1);
    const ten = Array.from({ length: 10 }, (_, at) => at);
    expect(shuffleProbability(ten, ten)).toBeLessThan(0.001);
    expect(shuffleProbability(ten, [5, 2, 8, 1, 9, 0, 4, 7, 3, 6])).toBeGreaterThan(0.3);
  });
});

describe("curves", () => {
  const point = (step: number, flops: number, loss: number) => ({
    step,
    tokens: 7 * step,
    flops,
    seconds: step / 2,
    loss,
  });

  test("are averaged at the steps that all seeds have, without the begin", () => {
    const curves = [
      [point(0, 0, 5), point(10, 100, 3), point(20, 200, 2), point(30, 300, 1)],
      [point(0, 0, 5), point(10, 100, 4), point(30, 300, 2)],
    ];
    expect(meanCurve(curves, "flops")).toEqual([
      { spent: 100, loss: 3.5, low: 3, high: 4 },
      { spent: 300, loss: 1.5, low: 1, high: 2 },
    ]);
    expect(meanCurve(curves, "tokens").map(({ spent }) => spent)).toEqual([70, 210]);
    expect(meanCurve([], "flops")).toEqual([]);
  });

  test("cross a loss on a straight line over the logarithm", () => {
    const curve = [
      { spent: 10, loss: 4 },
      { spent: 1000, loss: 2 },
      { spent: 4000, loss: 3 },
      { spent: 8000, loss: 1 },
    ];
    expect(spentAt(curve, 3)).toBeCloseTo(100, 9); // halfway between 10 and 1000, by factors; first of three times
    expect(spentAt(curve, 2)).toBeCloseTo(1000, 9);
    expect(spentAt(curve, 1.5)).toBeCloseTo(4000 * 2 ** 0.75, 9);
    expect(spentAt(curve, 9)).toBe(10);
    expect(spentAt(curve, 0.5)).toBeUndefined();
    expect(spentAt([], 1)).toBeUndefined();
  });

  test("cross within the points on both sides", () => {
    fc.assert(
      fc.property(fc.double({ min: 1.001, max: 2.999, noNaN: true }), (loss) => {
        const found =
          spentAt(
            [
              { spent: 3, loss: 3 },
              { spent: 50, loss: 1 },
            ],
            loss,
          ) ?? 0;
        expect(found).toBeGreaterThan(3);
        expect(found).toBeLessThan(50);
      }),
    );
  });
});
