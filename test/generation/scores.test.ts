import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decay } from "../../src/generation/decay.ts";
import { mostLikely } from "../../src/generation/index.ts";
import { at } from "../support/values.ts";

/** Few values, so that there are equal ones, with zeros of both signs. */
const logit = fc.constantFrom(-3e38, -2.5, -1, -1e-40, -0, 0, 1e-40, 0.5, 2, 3e38);

describe("mostLikely", () => {
  it.each([5, 600])("gives %i ids of the highest logits, of equal ones the lower id first", (count) => {
    fc.assert(
      fc.property(fc.array(logit, { minLength: 700, maxLength: 800 }), (all) => {
        const logits = Float32Array.from(all);
        const values = [...logits];
        const ids = values.map((_, id) => id).sort((a, b) => at(values, b) - at(values, a) || a - b);
        expect(mostLikely(logits, count)).toEqual(ids.slice(0, count));
      }),
      { numRuns: 20 },
    );
  });
});

describe("decay", () => {
  it("is e^-x to 1e-10, down to what float64 has", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 700, noNaN: true }), (x) => {
        expect(Math.abs(decay(x) / Math.exp(-x) - 1)).toBeLessThan(1e-10);
      }),
    );
    expect(decay(0)).toBe(1);
  });

  it("is nothing far away, and no number of what is none", () => {
    expect(decay(746)).toBe(0);
    expect(decay(Number.POSITIVE_INFINITY)).toBe(0);
    expect(decay(Number.NaN)).toBeNaN();
  });
});
