import { expect, it } from "vitest";
import { batchesOf, stateOf, workModels, workNames, workOf } from "../../../src/lab/benchmark/work.ts";
import { countParameters } from "../../../src/model/index.ts";

it("gives both models nearly as many parameters", () => {
  for (const name of workNames) {
    const [ours = 0, other = 0] = workModels.map((type) => countParameters(workOf(name, type).config).total);
    expect(Math.abs(ours / other - 1)).toBeLessThan(0.02);
  }
});

it("is the same each time: weights and batches", () => {
  const work = workOf("nanogpt-cpu", "transformer");
  expect(stateOf(work)).toEqual(stateOf(work));
  const [first, second] = [batchesOf(work, 2), batchesOf(work, 3)];
  expect(second.slice(0, 2)).toEqual(first);
  expect(first[0]).not.toEqual(first[1]);
});

it("has targets that are the tokens one further", () => {
  const [batch] = batchesOf({ ...workOf("nanogpt-cpu", "tokenformer"), batch: 3 }, 1);
  const rows = (all: Int32Array = new Int32Array(0)) =>
    [0, 1, 2].map((row) => [...all.subarray(64 * row, 64 * (row + 1))]);
  const [tokens, targets] = [rows(batch?.tokens), rows(batch?.targets)];
  expect(batch).toMatchObject({ sequences: 3, context: 64 });
  expect(targets.map((row) => row.slice(0, -1))).toEqual(tokens.map((row) => row.slice(1)));
  expect(Math.max(...tokens.flat())).toBeLessThan(65);
});
