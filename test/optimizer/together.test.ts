import { expect, it } from "vitest";
import { adamwStep } from "../../src/optimizer/adamw-kernel.ts";
import { SharedFloats } from "../../src/optimizer/shared-floats.ts";
import { updateTogether } from "../../src/optimizer/together-kernel.ts";
import { abandon, meet, openMeeting } from "../../src/optimizer/together-parameters.ts";
import { Random } from "../../src/random.ts";

const random = Random.from("together");
const drawn = (length: number) => Float32Array.from({ length }, () => random.uniform() - 0.5);

it.each(["in memory that threads share", "in memories of its own"])(
  "of one thread %s is that of a device alone, for rows of unequal age and frozen ones",
  (where) => {
    const row = { rate: 1, correction1: 1.3, correction2: 1.7 };
    const tensors = [
      { name: "long", decay: 0.1, rows: [{ ...row, start: 0, end: 10_007 }] },
      { name: "grown", decay: 0, rows: [{ ...row, rate: 0.5, start: 7, end: 21 }] },
    ];
    const sizes = [10_007, 28];
    const step = { learningRate: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, clip: 1, lossScale: 2, tensors };
    const [p, g, m, v] = [drawn(10_035), drawn(10_035), drawn(10_035), drawn(10_035).map(Math.abs)];
    const named = (prefix: string, whole: Float32Array) =>
      tensors.map(({ name }, index) => {
        const start = index === 0 ? 0 : (sizes[0] ?? 0);
        return [prefix + name, whole.slice(start, start + (sizes[index] ?? 0))] as const;
      });
    const alone = Object.fromEntries([...named("p:", p), ...named("g:", g), ...named("m:", m), ...named("v:", v)]);
    const own = Object.fromEntries([...named("p:", p), ...named("g:", g)]);
    const floats = new SharedFloats();
    const isShared = where === "in memory that threads share";
    const placed = (values: Float32Array) => {
      if (!isShared) return values.slice();
      const array = floats.allocate(values.length);
      array.set(values);
      return array;
    };
    const state = {
      weights: placed(p),
      gradients: [placed(new Float32Array(10_035))] as const,
      first: placed(m),
      second: placed(v),
      memory: isShared ? floats.memory : undefined,
    };
    expect(state.memory !== undefined).toBe(isShared);
    const given = { ...step, state, meeting: openMeeting(1), member: 0, working: 1, adding: false };
    expect(updateTogether(own, given)).toBeCloseTo(adamwStep(alone, step), 12);
    const joined = (prefix: string) => tensors.flatMap(({ name }) => [...(alone[prefix + name] ?? [])]);
    expect([...state.weights]).toEqual(joined("p:"));
    expect([...state.first]).toEqual(joined("m:"));
    expect([...state.second]).toEqual(joined("v:"));
    for (const { name } of tensors) expect(own[`p:${name}`]).toEqual(alone[`p:${name}`]);
  },
);

it("is abandoned before anything is changed, and not after", () => {
  const before = openMeeting(3);
  abandon(before);
  expect(() => meet(before, 1)).toThrow("abandoned: another thread of it has failed");
  expect(() => meet(before, 2)).toThrow("abandoned");

  const begun = openMeeting(1);
  meet(begun, 1);
  meet(begun, 2);
  abandon(begun);
  expect(() => meet(begun, 3)).not.toThrow();
});
