import { expect, it } from "vitest";
import { secondsOf, speedOf } from "../../../src/lab/study/estimate.ts";

const [FEW, MANY] = [3e8, 17e8];

it("the speed of two timings gives back both", () => {
  const speed = speedOf({ seconds: 0.011, flops: FEW }, { seconds: 0.025, flops: MANY });
  expect(speed.secondsPerFlop).toBeCloseTo(1e-11, 16);
  expect(secondsOf({ steps: 7, flops: 7 * FEW }, speed)).toBeCloseTo(0.077, 9);
  expect(secondsOf({ steps: 7, flops: 7 * MANY }, speed)).toBeCloseTo(0.175, 9);
});

it("an update that costs nothing but its operations has no constant", () => {
  expect(speedOf({ seconds: 0.002, flops: FEW }, { seconds: 0.025, flops: MANY }).secondsPerStep).toBe(0);
});

it.each([0.011, 0.3])("is finite where the smaller update took %f s, no less than the larger one", (seconds) => {
  const speed = speedOf({ seconds, flops: FEW }, { seconds: 0.011, flops: MANY });
  expect(speed).toEqual({ secondsPerFlop: 0.011 / MANY, secondsPerStep: 0 });
  expect(1 / speed.secondsPerFlop).toBeLessThan(1e12);
});
