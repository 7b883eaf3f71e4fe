import { describe, expect, it } from "vitest";
import { DROPOUT_FIRST, DROPOUT_SEED, dropout, Scope } from "../../src/nn/index.ts";
import { gradients, input, mul, sum, symbol } from "../../src/tensor/index.ts";
import { run, useDevice } from "../support/device.ts";
import { at, expectClose, generate, normal, type Values, values } from "../support/values.ts";

const device = useDevice();
const [ROWS, COLUMNS] = [193, 509];
const COUNT = ROWS * COLUMNS;
const ones = generate([ROWS, COLUMNS], () => 1);
const integer = (value: number) => values([], [value], "int32");
const seeded = (seed: number, first = 0) => ({ [DROPOUT_SEED]: integer(seed), [DROPOUT_FIRST]: integer(first) });

/** The masks of two sites that follow each other: 1 where an element is kept. */
async function masks(seed: number, rate: number, x: Values = ones): Promise<readonly [Values, Values]> {
  const scope = Scope.root({ training: true });
  const given = input("x", [symbol("R"), ...x.shape.slice(1)]);
  const outputs = { first: dropout(scope.within("a"), given, rate), second: dropout(scope.within("b"), given, rate) };
  const { first, second } = await run(device(), outputs, { x, ...seeded(seed) });
  const kept = (y: Values) => ({ ...y, data: y.data.map((value) => (value === 0 ? 0 : 1)) });
  return [kept(first), kept(second)];
}

/** The correlation of two masks of the same rate; for independent ones about 1 / √length, in standard deviations. */
function correlation(a: readonly number[], b: readonly number[], rate: number): number {
  const keep = 1 - rate;
  const products = a.reduce((total, value, index) => total + (value - keep) * (at(b, index) - keep), 0);
  return products / (keep * rate * Math.sqrt(a.length));
}

describe("dropout", () => {
  it("is the identity outside training and at rate 0", () => {
    const x = input("x", [2, 3]);
    expect(dropout(Scope.root({ training: false }), x, 0.5)).toBe(x);
    expect(dropout(Scope.root({ training: true }), x, 0)).toBe(x);
  });

  it.each([-0.5, 1, Number.NaN])("refuses the rate %f", (rate) => {
    const x = input("x", [2, 3]);
    for (const training of [true, false]) {
      expect(() => dropout(Scope.root({ training }), x, rate)).toThrow(
        `dropout: the rate is ${rate}, expected a number`,
      );
    }
  });

  it("keeps the others, divided by the share that is kept", async () => {
    const x = normal("x", [2, 3, 5, 7]);
    const y = dropout(Scope.root({ training: true }), input("x", x.shape), 0.25);
    const result = (await run(device(), { y }, { x, ...seeded(3) })).y;
    const kept = result.data.map((value) => value !== 0);
    expect(kept.filter(Boolean).length).toBeGreaterThan(100);
    expect(kept.filter(Boolean).length).toBeLessThan(200);
    expectClose(result, { ...x, data: x.data.map((value, index) => (kept[index] ? value / 0.75 : 0)) }, 1e-6);
  });

  it.each([0.01, 0.1, 0.2, 0.5, 0.9])("drops %f of the elements, and preserves the mean", async (rate) => {
    const deviation = Math.sqrt((rate * (1 - rate)) / COUNT);
    for (const seed of [0, 1, -2_000_000_000]) {
      for (const mask of await masks(seed, rate)) {
        const kept = mask.data.reduce((sum, value) => sum + value, 0) / COUNT;
        expect(Math.abs(kept - (1 - rate)) / deviation, `seed ${seed}`).toBeLessThan(4.5);
      }
    }
  });

  it("has the mask of its seed", async () => {
    const [first, second] = await masks(5, 0.3);
    expect(await masks(5, 0.3)).toEqual([first, second]);
    expect((await masks(6, 0.3))[0]).not.toEqual(first);
    expect(second).not.toEqual(first);
  });

  it.each([[[7, 11]], [[7, 3, 11]], [[7, 2, 3, 5]]])(
    "has the same mask for a sequence of %j in whatever part of the batch it is",
    async ([sequences = 0, ...rest]) => {
      const x = (count: number) => generate([count, ...rest], () => 1);
      const tensor = input("x", [symbol("B"), ...rest]);
      const scope = Scope.root({ training: true });
      dropout(scope, tensor, 0.5);
      const y = dropout(scope, tensor, 0.5);
      const masked = async (count: number, first: number) =>
        (await run(device(), { y }, { x: x(count), ...seeded(21, first) })).y.data;
      const whole = await masked(sequences, 0);
      expect([...(await masked(2, 0)), ...(await masked(4, 2)), ...(await masked(1, 6))]).toEqual(whole);
      expect(await masked(2, 1)).not.toEqual(await masked(2, 0));
    },
  );

  it("has gradients through the same mask", async () => {
    const x = normal("x", [5, 7]);
    const weights = normal("weights", [5, 7]);
    const tensor = input("x", [5, 7]);
    const y = dropout(Scope.root({ training: true }), tensor, 0.4);
    const [gradient = y] = gradients(sum(mul(y, input("weights", [5, 7])), [0, 1]), [tensor]);
    const results = await run(device(), { y, gradient }, { x, weights, ...seeded(11) });
    const expected = results.y.data.map((value, index) => (value === 0 ? 0 : at(weights.data, index) / 0.6));
    expectClose(results.gradient, { ...x, data: expected }, 1e-6);
  });
});

describe("a dropout mask", () => {
  const RATE = 0.5;
  const rows = (mask: Values) =>
    Array.from({ length: ROWS }, (_, row) => mask.data.slice(row * COLUMNS, (row + 1) * COLUMNS));
  const columns = (mask: Values) =>
    Array.from({ length: COLUMNS }, (_, column) => mask.data.filter((_, index) => index % COLUMNS === column));

  it("has nothing to do with those of other seeds and sites", async () => {
    const [first, second] = await masks(7, RATE);
    const [next, nextSecond] = await masks(8, RATE);
    const [far] = await masks(7 + 2 ** 16, RATE);
    for (const [a, b] of [
      [first, second],
      [first, next],
      [second, next],
      [first, nextSecond],
      [first, far],
    ] as const) {
      expect(Math.abs(correlation(a.data, b.data, RATE))).toBeLessThan(4.5);
    }
  });

  it("has unrelated neighbours, near and far, across rows and columns", async () => {
    const [mask] = await masks(7, RATE);
    for (const shift of [1, 2, 3, 8, 64, COLUMNS - 1, COLUMNS, COLUMNS + 1, 2 * COLUMNS, 64 * COLUMNS]) {
      const statistic = correlation(mask.data.slice(shift), mask.data.slice(0, -shift), RATE);
      expect(Math.abs(statistic), `shift ${shift}`).toBeLessThan(4.5);
    }
  });

  // 18,528 pairs of rows and 129,286 of columns: the largest of as many normal numbers is about 4.2 and 4.6.
  it.each([
    ["rows", rows],
    ["columns", columns],
  ] as const)("has no two related %s", async (_, lines) => {
    const [mask] = await masks(12, RATE);
    const all = lines(mask);
    let worst = 0;
    for (const [index, a] of all.entries()) {
      for (const b of all.slice(0, index)) worst = Math.max(worst, Math.abs(correlation(a, b, RATE)));
    }
    expect(worst).toBeLessThan(6);
  });

  it.each([
    ["rows", rows, COLUMNS],
    ["columns", columns, ROWS],
  ] as const)("has %s with as many kept elements as chance gives", async (_, lines, length) => {
    const [mask] = await masks(9, RATE);
    const squares = lines(mask).map((line) => {
      const kept = line.reduce((sum, value) => sum + value, 0);
      return (kept - length * (1 - RATE)) ** 2 / (length * RATE * (1 - RATE));
    });
    // χ² with one degree of freedom a line: mean 1, variance 2.
    const excess = squares.reduce((sum, square) => sum + square - 1, 0) / Math.sqrt(2 * squares.length);
    expect(Math.abs(excess)).toBeLessThan(4.5);
  });
});
