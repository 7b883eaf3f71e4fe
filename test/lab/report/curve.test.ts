import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crop, lossRange, sampleEvenly, smooth, thin } from "../../../src/lab/report/curve.ts";
import { placeFlags, spread } from "../../../src/lab/report/labels.ts";

const curve = (values: readonly number[]) => values.map((y, x) => ({ x, y }));

describe("curves", () => {
  test("thinning keeps the spikes and the order", () => {
    const values = Array.from({ length: 10_000 }, (_, at) => (at === 4321 ? 99 : at === 8000 ? -99 : at % 7));
    const thinned = thin(curve(values), 100);
    expect(thinned).toHaveLength(200);
    expect(thinned).toContainEqual({ x: 4321, y: 99 });
    expect(thinned).toContainEqual({ x: 8000, y: -99 });
    expect(thinned.map(({ x }) => x)).toEqual(thinned.map(({ x }) => x).toSorted((a, b) => a - b));
  });

  test("smoothing does not mix the sides of a growth", () => {
    const values = Array.from({ length: 600 }, (_, at) => (at <= 300 ? 5 : 1));
    const heights = new Set(smooth(curve(values), [300], 100).map(({ y }) => Number(y.toFixed(9))));
    expect([...heights]).toEqual([5, 1]);
  });

  test("smoothing shows no jump at a growth where there is none", () => {
    const line = curve(Array.from({ length: 600 }, (_, at) => 5 - at / 200));
    for (const { x, y } of smooth(line, [150, 300], 100)) expect(y).toBeCloseTo(5 - x / 200, 9);
  });

  test("short curves are not smoothed", () => {
    expect(smooth(curve([3, 1, 2]), [], 100)).toEqual(curve([3, 1, 2]));
  });

  test("cropping cuts a line where it crosses the bounds", () => {
    const cut = crop(curve([4, 0, 1, -3]), [-1, 2]);
    const visible = cut.filter(({ y }) => !Number.isNaN(y));
    expect(visible).toEqual([
      { x: 0.5, y: 2 },
      { x: 1, y: 0 },
      { x: 2, y: 1 },
      { x: 2.5, y: -1 },
    ]);
  });

  test("the range leaves out the first spike, but no validation after it", () => {
    const training = curve(Array.from({ length: 1000 }, (_, at) => (at < 20 ? 10 : 2 - at / 1000)));
    expect(lossRange(training, [])[1]).toBeLessThan(2.1);
    expect(lossRange(training, [{ x: 500, y: 4 }])[1]).toBeGreaterThan(4);
  });

  test("even samples include both ends", () => {
    expect(sampleEvenly(3, 10)).toEqual([0, 1, 2]);
    expect(sampleEvenly(101, 3)).toEqual([0, 50, 100]);
    expect(sampleEvenly(0, 10)).toEqual([]);
  });
});

describe("labels", () => {
  const flags = fc.array(fc.record({ x: fc.integer({ min: 50, max: 800 }), width: fc.constant(160) }), {
    maxLength: 12,
  });

  test("no two flags of a lane cover each other", () => {
    fc.assert(
      fc.property(flags, (all) => {
        const placed = placeFlags(all, 900).map(({ lane, side }, at) => {
          const { x = 0, width = 0 } = all[at] ?? {};
          return { lane, from: side === "right" ? x : x - width, to: side === "right" ? x + width : x };
        });
        for (const [at, a] of placed.entries()) {
          for (const b of placed.slice(at + 1)) expect(a.lane !== b.lane || a.to < b.from || b.to < a.from).toBe(true);
          expect(a.to).toBeLessThanOrEqual(900);
        }
      }),
    );
  });

  test("labels too near are moved apart, and stay above the bottom", () => {
    expect(spread([10, 100], 30, 200)).toEqual([10, 100]);
    expect(spread([100, 90], 30, 200)).toEqual([120, 90]);
    expect(spread([195, 199], 30, 200)).toEqual([170, 200]);
  });
});
