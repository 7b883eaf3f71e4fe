/** Parameter tokens as columns of the studio's heat map. */

import fc from "fast-check";
import { expect, it } from "vitest";
import type { SiteWeights } from "../../studio/src/engine/api.ts";
import { columnsOf, nearlyLargest, strongest } from "../../studio/src/page/inside/columns.ts";

const ROWS = 3;

/** Weights of generations of these sizes, born at steps 0, 10, 20, … */
function weightsOf(sizes: readonly number[], values: readonly number[]): SiteWeights {
  const born = Int32Array.from(sizes.flatMap((size, index) => Array<number>(size).fill(10 * index)));
  const weights = Float32Array.from({ length: ROWS * born.length }, (_, index) => values[index % values.length] ?? 0);
  return { path: "blocks.0.feedForward", weights, parameterTokens: born.length, born };
}

const sites = fc
  .tuple(
    fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
    fc.array(fc.float({ min: -2, max: 2, noNaN: true }), { minLength: 7, maxLength: 31 }),
  )
  .map(([sizes, values]) => weightsOf(sizes, values));

it("holds each parameter token once, in order, and never tokens of two ages in a column", () => {
  fc.assert(
    fc.property(sites, fc.integer({ min: 1, max: 60 }), (site, most) => {
      const { columns, bands } = columnsOf(site, most);
      const held = columns.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, index) => from + index));
      expect(held).toEqual([...site.born.keys()]);
      for (const { from, to, born } of columns) expect(new Set(site.born.slice(from, to))).toEqual(new Set([born]));
      expect(bands.reduce((sum, { columns: amount }) => sum + amount, 0)).toBe(columns.length);
      // A generation may need one column more than its share.
      expect(columns.length).toBeLessThan(most + bands.length + 1);
    }),
  );
});

it("has a column for each parameter token where they fit", () => {
  const { each, columns } = columnsOf(weightsOf([5, 2], [1]), 7);
  expect(each).toBe(1);
  expect(columns.map(({ born }) => born)).toEqual([0, 0, 0, 0, 0, 10, 10]);
});

it("shows the strongest weight of a column, with its sign", () => {
  fc.assert(
    fc.property(sites, fc.integer({ min: 1, max: 60 }), (site, most) => {
      const { columns } = columnsOf(site, most);
      const shown = strongest(site, columns);
      for (const [index, value] of shown.entries()) {
        const { from, to } = columns[index % columns.length] ?? { from: 0, to: 0 };
        const row = Math.floor(index / columns.length) * site.parameterTokens;
        const sizes = site.weights.slice(row + from, row + to);
        expect(Math.abs(value)).toBe(Math.max(...sizes.map(Math.abs)));
        if (value !== 0) expect(sizes).toContain(value);
      }
    }),
  );
});

it("leaves the few weights beyond all others out of the scale", () => {
  const values = Float32Array.from({ length: 1000 }, (_, index) => (index < 3 ? -50 : (index % 10) / 10));
  expect(nearlyLargest(values)).toBeCloseTo(0.9);
  expect(nearlyLargest(new Float32Array(8))).toBe(1);
});
