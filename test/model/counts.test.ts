import { describe, expect, it } from "vitest";
import { type PresetName, presets } from "../../src/configuration/index.ts";
import {
  type CompleteModelConfig,
  countParameters,
  forwardFlops,
  modelSchema,
  parametersOf,
  type TransformerConfig,
  trainingFlopsOf,
  trainingFlopsPerToken,
} from "../../src/model/index.ts";
import { tinyTokenFormer } from "../support/models.ts";

/** A preset's model; those of the lecture and nanoGPT have the 65 characters of tinyshakespeare. */
function preset(name: PresetName): CompleteModelConfig {
  const model = modelSchema.parse(presets[name].config.model);
  return { ...model, vocabulary: model.vocabulary ?? 65 };
}

const gpt: CompleteModelConfig<TransformerConfig> = {
  type: "transformer",
  vocabulary: 65,
  context: 256,
  layers: 6,
  heads: 6,
  width: 384,
  dropout: 0.2,
  tied: false,
  activation: "relu",
  biases: true,
  positions: "learned",
  rotaryFraction: 0.25,
  normEpsilon: 1e-5,
};
const bigram: CompleteModelConfig = { type: "bigram", vocabulary: 65, context: 8 };
const tied = { embedding: 50_304 * 768, norms: 2 * 768, output: 0 };

describe("countParameters", () => {
  it.each<CompleteModelConfig>([
    bigram,
    gpt,
    { ...gpt, tied: true, biases: false },
    tinyTokenFormer,
    { ...tinyTokenFormer, tied: false, positions: "learned", blockNorm: "parametric" },
    { ...tinyTokenFormer, tokens: { ...tinyTokenFormer.tokens, key: [3, 5] }, finalNorm: "nonparametric" },
  ])("of a $type has groups that sum to the total, which is that of its parameters", (config) => {
    const { total, ...groups } = countParameters(config);
    expect(Object.values(groups).reduce((sum, count) => sum + count)).toBe(total);
    const sizes = parametersOf(config).map(({ size }) => size.reduce((product, length) => product * length, 1));
    expect(sizes.reduce((sum, count) => sum + count)).toBe(total);
  });

  it("of the tiny TokenFormer is as counted by hand", () => {
    // 2 layers, each token a key and a value of 10 channels.
    const attention = 2 * (7 + 6 + 9 + 8) * 20;
    const feedForward = 2 * 11 * 20;
    const total = attention + feedForward + 13 * 10 + 2 * 10;
    expect(countParameters(tinyTokenFormer)).toEqual({
      embedding: 130,
      attention,
      feedForward,
      norms: 20,
      output: 0,
      total,
    });
    expect(
      countParameters({ ...tinyTokenFormer, tied: false, positions: "learned", blockNorm: "parametric" }),
    ).toMatchObject({ embedding: 130 + 5 * 10, norms: 20 + 2 * 40, output: 130, attention });
    expect(countParameters({ ...tinyTokenFormer, learnedTau: true })).toMatchObject({
      attention: attention + 2 * 4,
      feedForward: feedForward + 2,
      total: total + 10,
    });
    const perLayer = { ...tinyTokenFormer, tokens: { ...tinyTokenFormer.tokens, key: [3, 5] } };
    expect(countParameters(perLayer).attention).toBe(attention + (3 + 5 - 6 - 6) * 20);
  });

  it("of the lecture's gpt.py is what it prints: 10.788929 M", () => {
    expect(countParameters(gpt).total).toBe(10_788_929);
  });

  it("of the bigram model is its table", () => {
    expect(countParameters(bigram)).toMatchObject({ embedding: 65 ** 2, total: 65 ** 2 });
  });

  // The paper's sizes count the tied embedding, of 38.6 M, too.
  it.each([
    ["124m", 84_934_656, 123.6],
    ["354m", 315_555_840, 354.2],
    ["757m", 715_161_600, 753.8],
    ["1.4b", 1_271_070_720, 1309.7],
  ] as const)("of the paper's progressive scaling at %s is %i in the layers, %d M in all", (name, layers, millions) => {
    const { attention, feedForward, total, ...others } = countParameters(preset(name));
    expect(attention + feedForward).toBe(layers);
    expect(others).toEqual(tied);
    expect(total / 1e6).toBeCloseTo(millions, 1);
  });

  // 16 · width² a layer: as many attention tokens as channels, four times as many in the feed-forward layer.
  it.each([
    ["150m", 12, 768, 151.9],
    ["450m", 24, 1024, 454.2],
    ["900m", 32, 1280, 903.3],
    ["1.5b", 40, 1536, 1587.2],
  ] as const)("of the published %s is that of %i layers of width %i: %d M", (name, layers, width, millions) => {
    const { attention, feedForward, total } = countParameters(preset(name));
    expect(attention).toBe(layers * 8 * width ** 2);
    expect(feedForward).toBe(layers * 8 * width ** 2);
    expect(total).toBe(layers * 16 * width ** 2 + 50_304 * width + 2 * width);
    expect(total / 1e6).toBeCloseTo(millions, 1);
  });

  it.each([
    ["nanogpt-cpu", 4, 128],
    ["lecture", 6, 384],
  ] as const)("of %s has in its layers what a GPT of that size has", (name, layers, width) => {
    const equal = { ...gpt, layers, width, heads: 4, biases: false };
    const [own, other] = [countParameters(preset(name)), countParameters(equal)];
    expect(own.attention + own.feedForward).toBe(12 * layers * width ** 2);
    expect(other.attention + other.feedForward).toBe(12 * layers * width ** 2);
  });
});

describe("forwardFlops", () => {
  it("is 2 N T + 4 · layers · width · T² + 2 · vocabulary · width · T", () => {
    const layers = 2 * (7 + 6 + 9 + 8 + 11) * 20;
    expect(forwardFlops(tinyTokenFormer, 3)).toBe(2 * layers * 3 + 4 * 2 * 10 * 9 + 2 * 13 * 10 * 3);
    expect(forwardFlops(tinyTokenFormer)).toBe(forwardFlops(tinyTokenFormer, 5));
    expect(trainingFlopsPerToken(tinyTokenFormer)).toBe((3 * forwardFlops(tinyTokenFormer, 5)) / 5);
  });

  it("is two passes more to train by, less the gradients of products that do not learn", () => {
    const shapes = (config: CompleteModelConfig) =>
      new Map(parametersOf(config).map(({ name, size }) => [name, { shape: size }] as const));
    const learns = (name: string) => name.startsWith("blocks.1.feedForward.");
    for (const tied of [true, false]) {
      const config = { ...tinyTokenFormer, tied };
      const all = trainingFlopsPerToken(config);
      expect(trainingFlopsOf(config, shapes(config))).toBe(all);
      const frozen = (2 * (7 + 6 + 9 + 8 + 11) - 11) * 20 + 13 * 10;
      expect(trainingFlopsOf(config, shapes(config), learns)).toBe(all - 2 * frozen);
    }
  });

  it("counts the biases of a Transformer as parameters, and its output once", () => {
    const layers = 10_788_929 - 65 * 384 - 256 * 384 - (65 * 384 + 65) - 13 * 2 * 384;
    expect(forwardFlops(gpt)).toBe(2 * layers * 256 + 4 * 6 * 384 * 256 ** 2 + 2 * 65 * 384 * 256);
  });

  it("of a bigram model is 0: it only looks up", () => {
    expect(forwardFlops(bigram)).toBe(0);
  });
});
