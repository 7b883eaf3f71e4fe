import fc from "fast-check";
import { expect, it } from "vitest";
import { updatesInTime } from "../../src/cli/demo-length.ts";

it("makes all updates where they are fast, and fewer where they are slow", () => {
  expect([10, 40, 42, 85, 250, 5000].map((milliseconds) => updatesInTime(milliseconds, 1200))).toEqual([
    1200, 1200, 1188, 588, 240, 240,
  ]);
});

it("makes no more than were asked for, in sixths", () => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 1e5, noNaN: true }), fc.integer({ min: 6, max: 5000 }), (time, most) => {
      const steps = updatesInTime(time, most);
      expect(steps).toBeLessThanOrEqual(most);
      expect(steps).toBeGreaterThanOrEqual(6);
      expect(steps % 6).toBe(0);
    }),
  );
});
