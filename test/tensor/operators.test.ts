import { describe, expect, it } from "vitest";
import { crossEntropy, gradients, input, l2Normalise, mul, operators, relu, sum } from "../../src/tensor/index.ts";
import { run, useDevice } from "../support/device.ts";
import { checkOperator } from "../support/operator.ts";
import { operatorCases } from "../support/operator-cases.ts";
import { expectClose, values } from "../support/values.ts";

const device = useDevice();

it("every operator has a case, and its name is its key", () => {
  expect(new Set(operatorCases.map(({ operator }) => operator))).toEqual(new Set(Object.keys(operators)));
  for (const [key, { name }] of Object.entries(operators)) expect(name).toBe(key);
});

describe("value and gradients", () => {
  it.each(operatorCases.map((check) => [`${check.operator}: ${check.title}`, check] as const))(
    "%s",
    async (_, check) => {
      await checkOperator(device(), check, { targets: ["cpu", "portable"] });
    },
  );
});

describe("where the difference quotient has no limit", () => {
  it("l2Normalise gives zeros and a zero gradient for a zero row", async () => {
    const [x, scale] = [input("x", [3, 3]), input("scale", [])];
    const y = l2Normalise(x, scale);
    const loss = sum(mul(y, input("weights", [3, 3])), [0, 1]);
    const [dx = x, dScale = scale] = gradients(loss, [x, scale]);
    const results = await run(
      device(),
      { y, dx, dScale },
      {
        x: values([3, 3], [1, 2, 2, 0, 0, 0, -3, 0, 4]),
        scale: values([], [1.5]),
        weights: values([3, 3], [1, 0, 0, 5, 7, 11, 0, 1, 0]),
      },
    );
    expectClose(results.y, values([3, 3], [0.5, 1, 1, 0, 0, 0, -0.9, 0, 1.2]), 1e-6);
    // scale/‖x‖ · (w - u (u·w)) with u = x/‖x‖
    expectClose(results.dx, values([3, 3], [4 / 9, -1 / 9, -1 / 9, 0, 0, 0, 0, 0.3, 0]), 1e-6);
    expectClose(results.dScale, values([], [1 / 3]), 1e-6);
  });

  it("l2Normalise takes rows of any length but zero", async () => {
    const [x, scale] = [input("x", [4, 2]), input("scale", [])];
    const y = l2Normalise(x, scale);
    const [dx = x] = gradients(sum(mul(y, input("weights", [4, 2])), [0, 1]), [x]);
    const lengths = [1e-15, 1e-8, 1, 1e8];
    const results = await run(
      device(),
      { y, dx },
      {
        x: values(
          [4, 2],
          lengths.flatMap((length) => [3 * length, 4 * length]),
        ),
        scale: values([], [5]),
        weights: values([4, 2], [1, 0, 1, 0, 1, 0, 1, 0]),
      },
    );
    expectClose(results.y, values([4, 2], [3, 4, 3, 4, 3, 4, 3, 4]), 1e-6);
    // scale/‖x‖ · (w - u (u·w)) with u = (0.6, 0.8) and w = (1, 0)
    const scaled = results.dx.data.map((value, index) => Number(value) * (lengths[Math.floor(index / 2)] ?? 0));
    expectClose(
      { ...results.dx, data: scaled },
      values([4, 2], [0.64, -0.48, 0.64, -0.48, 0.64, -0.48, 0.64, -0.48]),
      1e-6,
    );
  });

  it("relu has the gradient 0 at 0", async () => {
    const x = input("x", [3]);
    const [dx = x] = gradients(sum(relu(x), [0]), [x]);
    const results = await run(device(), { dx }, { x: values([3], [-1, 0, 2]) });
    expect(results.dx.data).toEqual([0, 0, 1]);
  });
});

it("the loss of a token that has no chance is large, not infinite", async () => {
  const logits = input("logits", [2, 3]);
  const loss = crossEntropy(logits, input("targets", [2], "int32"));
  const [gradient = logits] = gradients(sum(loss, [0]), [logits]);
  const results = await run(
    device(),
    { loss, gradient },
    { logits: values([2, 3], [0, 250, -50, 3e4, 0, 1e4]), targets: values([2], [0, 1], "int32") },
  );
  expectClose(results.loss, values([2], [250, 3e4]), 1e-6);
  expectClose(results.gradient, values([2, 3], [-1, 1, 0, 1, -1, 0]), 1e-6);
});
