/** The tables of initial distributions and rates in the doc comment of `parametrisation.ts`. */

import { describe, expect, it } from "vitest";
import { type CompleteModelConfig, hasBlocks, modelOf, parametersOf, sizesOf } from "../../src/model/index.ts";
import { required } from "../../src/required.ts";
import { initialState } from "../../src/training/portable.ts";
import { tinyTokenFormer } from "../support/models.ts";

const tokenformer: CompleteModelConfig = {
  ...tinyTokenFormer,
  vocabulary: 211,
  context: 97,
  layers: 3,
  width: 64,
  tokens: { query: 101, key: 103, value: 107, projection: 109, feedForward: [211, 223, 227] },
  tied: false,
  positions: "learned",
  blockNorm: "parametric",
};
const transformer: CompleteModelConfig = {
  type: "transformer",
  vocabulary: 211,
  context: 97,
  layers: 2,
  heads: 2,
  width: 64,
  dropout: 0,
  tied: false,
  activation: "relu",
  biases: true,
  positions: "learned",
  rotaryFraction: 0.25,
  normEpsilon: 1e-5,
};

/** Mean and deviation are within five standard errors, and the tails are those of a normal distribution. */
function expectNormal(data: Float32Array, deviation: number, name: string): void {
  const count = data.length;
  const moment = (power: number) => data.reduce((sum, value) => sum + (value / deviation) ** power, 0) / count;
  expect(Math.abs(moment(1)) * Math.sqrt(count), `mean of ${name}`).toBeLessThan(5);
  expect(Math.abs(moment(2) - 1) * Math.sqrt(count / 2), `variance of ${name}`).toBeLessThan(5);
  expect(Math.abs(moment(4) - 3) * Math.sqrt(count / 96), `fourth moment of ${name}`).toBeLessThan(6);
}

const draw = (config: CompleteModelConfig, seed: number) =>
  initialState(modelOf(config), seed, sizesOf(config)).parameters;

/** The standard deviation of a parameter, or the number that it is filled with. */
function expected(config: CompleteModelConfig, name: string): number | "zeros" | "ones" {
  if (name.endsWith(".scale")) return "ones";
  if (name.endsWith(".bias")) return "zeros";
  if (!hasBlocks(config)) return 1;
  if (config.parametrisation === "balanced") return balancedDeviation(config.type, name);
  // 2 / (layers √D) = 2 / (3 · 8)
  return name.endsWith(".values") ? 1 / 12 : 0.02;
}

/** Tokens of a site of the TokenFormer above. */
const tokensAt: Readonly<Record<string, number>> = {
  "attention.query": 101,
  "attention.key": 103,
  "attention.value": 107,
  "attention.projection": 109,
  "0.feedForward": 211,
  "1.feedForward": 223,
  "2.feedForward": 227,
};

/** The kind of site and its tokens. */
function siteOf(name: string): [kind: string, tokens: number] {
  const [, layer = "", kind = ""] = /^blocks\.(\d)\.(?:attention\.)?(\w+)\./.exec(name) ?? [];
  return [kind, tokensAt[kind === "feedForward" ? `${layer}.${kind}` : `attention.${kind}`] ?? Number.NaN];
}

/** By the column `balanced`, of D = 64; L = 3 in the TokenFormer, whose Θ has a mean square of 0.425, and L = 2 in the other. */
function balancedDeviation(type: "tokenformer" | "transformer", name: string): number {
  if (/^(embedding|output)\./.test(name)) return 1 / 8;
  if (type === "transformer") {
    if (name.includes(".projection.")) return 1 / Math.sqrt(4 * 64);
    return name.includes(".down.") ? 1 / Math.sqrt(4 * 256) : 1 / 8;
  }
  if (name.endsWith(".keys")) return 0.02;
  const [kind, tokens] = siteOf(name);
  const isBranch = kind === "projection" || kind === "feedForward";
  return (isBranch ? 2 / Math.sqrt(64 * 3) : 0.3) / Math.sqrt(0.425 * tokens);
}

it("starts a learned τ from the configuration's", () => {
  const tau = { query: 3, key: 4.5, value: 5, projection: 6, feedForward: [7, 8, 9] as [number, number, number] };
  const parameters = draw({ ...tokenformer, learnedTau: true, tau }, 5);
  for (const [name, value] of [
    ["blocks.0.attention.key.tau", 4.5],
    ["blocks.2.feedForward.tau", 9],
  ] as const) {
    const { shape, data } = required(parameters, name);
    expect([shape, ...data]).toEqual([[], value]);
  }
  const rooted = required(draw({ ...tokenformer, learnedTau: true }, 5), "blocks.1.attention.query.tau");
  expect(rooted.data[0]).toBe(Math.fround(Math.sqrt(101)));
});

describe.each<CompleteModelConfig>([
  tokenformer,
  { ...tokenformer, parametrisation: "balanced" },
  transformer,
  { ...transformer, parametrisation: "balanced" },
  { type: "bigram", vocabulary: 101, context: 8 },
])("a new $type, $parametrisation,", (config) => {
  it("starts as its table says", () => {
    for (const [name, { shape, data }] of draw(config, 5)) {
      const wanted = expected(config, name);
      expect(data.length, name).toBe(shape.reduce((product, length) => product * length, 1));
      if (wanted === "zeros") expect(data.every((value) => value === 0)).toBe(true);
      else if (wanted === "ones") expect(data.every((value) => value === 1)).toBe(true);
      else expectNormal(data, wanted, name);
    }
  });

  it("has every parameter, each with numbers of its own, drawn from the seed", () => {
    const drawn = draw(config, 5);
    expect([...drawn].map(([name, { shape }]) => [name, shape])).toEqual(
      parametersOf(config).map(({ name, size }) => [name, size]),
    );
    expect(draw(config, 5)).toEqual(drawn);
    const other = draw(config, 6);
    const firsts: number[] = [];
    for (const [name, { data }] of drawn) {
      if (typeof expected(config, name) !== "number") continue;
      expect(required(other, name).data, name).not.toEqual(data);
      firsts.push(data[0] ?? 0);
    }
    expect(new Set(firsts).size).toBe(firsts.length);
  });
});

describe("rates", () => {
  const rates = (config: CompleteModelConfig) =>
    new Map(
      parametersOf(config).map(({ name, size, rate = 1 }) => [name, typeof rate === "number" ? rate : rate(size)]),
    );

  it.each([tokenformer, transformer])("of a published $type are 1", (config) => {
    expect(new Set(rates(config).values())).toEqual(new Set([1]));
  });

  it("of a balanced TokenFormer follow its width and the tokens that a site has now", () => {
    const found = rates({ ...tokenformer, parametrisation: "balanced" });
    for (const [name, rate] of found) {
      const [kind, tokens] = siteOf(name);
      const wanted = (): number => {
        if (/^(embedding|output)\./.test(name)) return 6 * Math.SQRT2;
        if (name.endsWith(".keys")) return Math.SQRT2;
        if (!name.endsWith(".values")) return 1;
        if (kind === "query" || kind === "key") return 512 / tokens;
        return kind === "value" ? 64 / tokens : (32 * Math.SQRT2) / tokens;
      };
      expect(rate, name).toBeCloseTo(wanted(), 10);
    }
    expect(found.size).toBe(rates(tokenformer).size);
    const { rate } = required(
      new Map(parametersOf({ ...tokenformer, parametrisation: "balanced" }).map((p) => [p.name, p])),
      "blocks.0.feedForward.values",
    );
    expect(typeof rate === "function" && rate([422, 64])).toBeCloseTo((16 * Math.SQRT2) / 211, 10);
  });

  it("of a balanced Transformer follow its width", () => {
    for (const [name, rate] of rates({ ...transformer, parametrisation: "balanced" })) {
      const isTable = /^(embedding\.|output\.weight)/.test(name);
      expect(rate, name).toBeCloseTo(isTable ? 6 * Math.SQRT2 : name.endsWith(".weight") ? 4 : 1, 10);
    }
  });
});
