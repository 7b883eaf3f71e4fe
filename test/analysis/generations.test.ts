/** Summing the use of parameter tokens by generation: whole numbers whose sums are known. */

import { expect, it } from "vitest";
import { usageByGeneration } from "../../src/analysis/index.ts";
import type { Generation } from "../../src/growth/index.ts";
import type { Site } from "../../src/model/index.ts";

const born = (tokens: number, at: number, init = at === 0 ? "initial" : "zero-key"): Generation => ({
  tokens,
  born: at,
  init,
  updates: 0,
  frozenUntil: 0,
});

const site = (layer: number, kind: "query" | "feedForward", tokens: number): Site => ({
  path: `${layer} ${kind}`,
  place: `${layer} ${kind}`,
  generation: 0,
  layer,
  kind,
  tokens,
  tau: 1,
});

const sites = [site(0, "query", 3), site(0, "feedForward", 4), site(1, "query", 1), site(1, "feedForward", 4)];

const lineage = new Map([
  ["0 query", [born(1, 0), born(2, 7)]],
  ["0 feedForward", [born(3, 0), born(1, 5, "split")]],
  ["1 query", [born(1, 0)]],
  ["1 feedForward", [born(2, 0), born(1, 7, "random"), born(1, 7)]],
]);

const use = (mass: number[]) => ({
  mass: Float64Array.from(mass),
  contribution: Float64Array.from(mass, (x) => x * x),
  normaliserShare: new Float64Array(mass.length),
});

const usage = new Map([
  ["0 query", use([4, 1, 3])],
  ["0 feedForward", use([1, 2, 3, 4])],
  ["1 query", use([2])],
  ["1 feedForward", use([0, 0, 0, 0])],
]);

it("adds up tokens, mass, contribution and the squares of gradients, in sites that belong together", () => {
  const gradients = new Map([...usage].map(([path, { mass }]) => [path, mass]));
  const { kinds, layers, all } = usageByGeneration(sites, lineage, usage, gradients);
  expect([...kinds.keys()]).toEqual(["query", "feedForward"]);
  expect(kinds.get("query")).toEqual([
    {
      born: 0,
      init: "initial",
      tokens: 2,
      tokenShare: 2 / 4,
      massShare: 6 / 10,
      contributionShare: 20 / 30,
      gradientNorm: Math.sqrt(20),
    },
    {
      born: 7,
      init: "zero-key",
      tokens: 2,
      tokenShare: 2 / 4,
      massShare: 4 / 10,
      contributionShare: 10 / 30,
      gradientNorm: Math.sqrt(10),
    },
  ]);
  const names = all.map((use) => `${use.born} ${use.init} ${use.tokens}`);
  expect(names).toEqual(["0 initial 7", "5 split 1", "7 zero-key 3", "7 random 1"]);
  expect(all.map(({ massShare }) => massShare)).toEqual([12 / 20, 4 / 20, 4 / 20, 0]);
  expect(layers.map((uses) => uses.map(({ tokens }) => tokens))).toEqual([
    [4, 1, 2],
    [3, 1, 1],
  ]);
});

it("has shares of zero where no token has weight, and no gradients where none were measured", () => {
  const { all } = usageByGeneration(sites.slice(3), lineage, usage);
  expect(all.map(({ massShare, contributionShare }) => [massShare, contributionShare])).toEqual(Array(3).fill([0, 0]));
  expect(all.map(({ gradientNorm }) => gradientNorm)).toEqual(Array(3).fill(undefined));
});
