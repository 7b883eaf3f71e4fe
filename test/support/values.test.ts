import { describe, expect, it } from "vitest";
import { useDevice } from "./device.ts";
import { checkOperator, operatorCase } from "./operator.ts";
import { square } from "./programs.ts";
import { expectClose, generate, read, values } from "./values.ts";

const device = useDevice();

describe("expectClose", () => {
  it("names the worst element", () => {
    const expected = values([2, 3], [0, 1, 2, 3, 4, 5]);
    expectClose(values([2, 3], [0, 1, 2, 3, 4.00001, 5]), expected, 1e-5);
    expect(() => expectClose(values([2, 3], [0, 1, 2, 3.01, 4.1, 5]), expected, 1e-5, "y")).toThrow(
      /^y\[1,1\] is 4.1, expected 4: off by 0.0199\d* of the scale 5, more than 0.00001$/,
    );
  });

  it("takes no scale from an infinity", () => {
    const expected = values([3], [1, Number.NEGATIVE_INFINITY, 2]);
    expectClose(values([3], [1, Number.NEGATIVE_INFINITY, 2]), expected, 1e-6);
    expect(() => expectClose(values([3], [5, Number.NEGATIVE_INFINITY, 2]), expected, 1e-6)).toThrow("[0] is 5");
    expect(() => expectClose(values([3], [1, Number.POSITIVE_INFINITY, 2]), expected, 1e-6)).toThrow("[1] is Infinity");
  });

  it("refuses NaN, another shape and another dtype", () => {
    const expected = values([2], [1, 2]);
    expect(() => expectClose(values([2], [1, Number.NaN]), expected, 1)).toThrow("[1] is NaN");
    expect(() => expectClose(values([1, 2], [1, 2]), expected, 1)).toThrow("float32[2]");
    expect(() => expectClose(values([2], [1, 2], "int32"), expected, 1)).toThrow("float32[2]");
  });
});

describe("checkOperator", () => {
  const x = values([3], [1, 1, 1]);

  it("refuses a wrong value", async () => {
    const check = operatorCase(
      "mul",
      "x² is not 1.0001",
      { x },
      ({ x }) => square(x),
      ({ x }) => generate(x.shape, (i) => 1.0001 * read(x, i) ** 2),
    );
    await expect(checkOperator(device(), check)).rejects.toThrow(/^cpu: y\[0\] is 1, expected 1.0001/);
  });

  it("refuses a wrong gradient", async () => {
    const check = operatorCase(
      "mul",
      "x² is x at 1, but its gradient is not 1",
      { x },
      ({ x }) => square(x),
      ({ x }) => x,
    );
    await expect(checkOperator(device(), check)).rejects.toThrow(/^cpu: d x\[\d\] is/);
  });
});
