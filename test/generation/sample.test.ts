import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type SamplingOptions, sampleToken } from "../../src/generation/index.ts";
import { Random } from "../../src/random.ts";
import * as reference from "../support/reference.ts";
import { at } from "../support/values.ts";

const logits = [0.3, -1.2, 2.1, 0.3, -4, 1.7, 0];
const DRAWS = 20_000;

function counts(options: SamplingOptions, given: readonly number[] = logits): number[] {
  const random = Random.from("test", "sample");
  const found = given.map(() => 0);
  for (let draw = 0; draw < DRAWS; draw++) {
    const id = sampleToken(Float32Array.from(given), options, random);
    found[id] = at(found, id) + 1;
  }
  return found;
}

/** Pearson's χ² is near its degrees of freedom, and what has no probability never occurs. */
function expectDistribution(found: readonly number[], weights: readonly number[]): void {
  const sum = reference.total(weights);
  const possible = weights.flatMap((weight, id) => {
    if (weight === 0) expect(found[id], `token ${id}`).toBe(0);
    return weight === 0 ? [] : [{ wanted: (DRAWS * weight) / sum, got: at(found, id) }];
  });
  const statistic = reference.total(possible.map(({ wanted, got }) => (got - wanted) ** 2 / wanted));
  const freedom = possible.length - 1;
  expect(statistic).toBeLessThanOrEqual(freedom + 5 * Math.sqrt(2 * freedom));
}

/** The probabilities with those outside some ids set to zero. */
const only = (weights: readonly number[], ids: readonly number[]) =>
  weights.map((weight, id) => (ids.includes(id) ? weight : 0));

const softmaxAt = (temperature: number) => reference.softmax(logits.map((logit) => logit / temperature));

describe("sampleToken", () => {
  it.each([1, 0.5, 2])("draws from the softmax of the logits over the temperature %f", (temperature) => {
    expectDistribution(counts({ temperature }), softmaxAt(temperature));
  });

  it("has temperature 1 where none is given", () => {
    expect(counts({})).toEqual(counts({ temperature: 1 }));
  });

  it("does not depend on what is added to all logits, however large", () => {
    const shift = (by: number) =>
      counts(
        {},
        [0.25, -1, 2, 0.5].map((logit) => logit + by),
      );
    expect(shift(4096)).toEqual(shift(0));
    expect(shift(-4096)).toEqual(shift(0));
  });

  // In the order of their logits: 2, 5, then 0 and 3 alike, 6, 1, 4.
  it.each([
    [2, [2, 5]],
    [3, [2, 5, 0]],
    [5, [2, 5, 0, 3, 6]],
    [100, [0, 1, 2, 3, 4, 5, 6]],
  ])("draws from the %i most likely, the first of equally likely ones", (topK, ids) => {
    expectDistribution(counts({ topK }), only(softmaxAt(1), ids));
  });

  it.each([
    [0.01, [2]],
    [0.5, [2, 5]],
    [0.85, [2, 5, 0, 3]],
    [0.95, [2, 5, 0, 3, 6]],
    [1, [0, 1, 2, 3, 4, 5, 6]],
  ])("draws from the fewest that have %f of the probability", (topP, ids) => {
    const sorted = ids.map((id) => at(softmaxAt(1), id));
    // The case says what it means to: without the last one it would not be enough.
    expect(reference.total(sorted)).toBeGreaterThanOrEqual(topP - 1e-9);
    expect(reference.total(sorted.slice(0, -1))).toBeLessThan(topP);
    expectDistribution(counts({ topP }), only(softmaxAt(1), ids));
  });

  it("takes the share of top-p of what top-k has left, at the temperature", () => {
    const weights = only(softmaxAt(2), [2, 5, 0]);
    const share = reference.total([at(weights, 2), at(weights, 5)]) / reference.total(weights);
    const given = { temperature: 2, topK: 3 };
    expectDistribution(counts({ ...given, topP: share - 0.01 }), only(weights, [2, 5]));
    expectDistribution(counts({ ...given, topP: share + 0.01 }), weights);
  });

  it("takes the most likely at temperature 0, with top-k 1 and with a tiny top-p", () => {
    for (const options of [{ temperature: 0 }, { topK: 1 }, { topP: 1e-9 }]) {
      expect(counts(options)).toEqual(logits.map((_, id) => (id === 2 ? DRAWS : 0)));
      expect(counts(options, [1, 3, 3, 2, 3])).toEqual([0, DRAWS, 0, 0, 0]);
    }
  });

  it.each([
    [0.1, [2, 5, 0, 3, 6]],
    [0.16, [2, 5, 0, 3]],
    [0.5, [2, 5]],
    [1, [2]],
  ])("draws those with %f of the likeliest one's probability", (minP, ids) => {
    const likeliest = at(softmaxAt(1), 2);
    for (const id of ids) expect(at(softmaxAt(1), id)).toBeGreaterThanOrEqual(minP * likeliest - 1e-9);
    expectDistribution(counts({ minP }), only(softmaxAt(1), ids));
  });

  it("finds the candidates of a large vocabulary as it does in a small one", () => {
    const many = Array.from({ length: 5000 }, (_, id) => Math.sin(id) / 50);
    const order = many.map((_, id) => id).sort((a, b) => at(many, b) - at(many, a));
    for (const options of [{ topK: 700 }, { topP: 0.6 }, { topP: 0.01 }, { minP: 0.97 }, { topK: 40, minP: 0.999 }]) {
      const { topK = 5000, topP = 1, minP = 0 } = options;
      const best = order.slice(0, topK).map((id) => ({ id, weight: Math.exp(at(many, id)) }));
      const total = reference.total(best.map(({ weight }) => weight));
      const threshold = minP * Math.max(...best.map(({ weight }) => weight));
      let sum = 0;
      const allowed = new Set<number>();
      for (const { id, weight } of best) {
        if (sum < topP * total && weight >= threshold) allowed.add(id);
        sum += weight;
      }
      const random = Random.from("large");
      const drawn = new Set<number>();
      for (let draw = 0; draw < 300; draw++) drawn.add(sampleToken(Float32Array.from(many), options, random));
      expect([...drawn].filter((id) => !allowed.has(id))).toEqual([]);
      expect(drawn.size).toBeGreaterThan(Math.min(allowed.size, 100) / 2);
    }
  });

  it("divides positive logits of tokens that occurred, and multiplies negative ones", () => {
    const penalised = logits.map((logit, id) =>
      id === 2 || id === 1 ? (logit > 0 ? logit / 1.5 : logit * 1.5) : logit,
    );
    const random = Random.from("test", "sample");
    const found = logits.map(() => 0);
    for (let draw = 0; draw < DRAWS; draw++) {
      const id = sampleToken(Float32Array.from(logits), { repetitionPenalty: 1.5 }, random, {
        before: [1, 2, 2],
        written: [],
      });
      found[id] = at(found, id) + 1;
    }
    expectDistribution(found, reference.softmax(penalised));
  });

  describe("penalties and bias", () => {
    const earlier = { before: [0, 6, 1, 2, 2], written: [1, 2, 2] };
    const biases = new Map(Object.entries({ 2: 1.5, 4: 5, 0: -100, 99: 7 }).map(([id, bias]) => [Number(id), bias]));
    const found = (options: SamplingOptions) => {
      const random = Random.from("test", "penalties");
      const drawn = logits.map(() => 0);
      for (let draw = 0; draw < DRAWS; draw++) {
        const id = sampleToken(Float32Array.from(logits), options, random, earlier);
        drawn[id] = at(drawn, id) + 1;
      }
      return drawn;
    };

    // By hand, of the logits above: token 1 was written once, token 2 twice, and 0 and 6 are only in the prompt.
    it.each<readonly [string, SamplingOptions, readonly number[]]>([
      ["by frequency", { frequencyPenalty: 0.75 }, [0.3, -1.95, 0.6, 0.3, -4, 1.7, 0]],
      ["by presence", { presencePenalty: 0.5 }, [0.3, -1.7, 1.6, 0.3, -4, 1.7, 0]],
      ["by both", { frequencyPenalty: 0.75, presencePenalty: 0.5 }, [0.3, -2.45, 0.1, 0.3, -4, 1.7, 0]],
      ["by negative ones", { frequencyPenalty: -0.25, presencePenalty: -1 }, [0.3, 0.05, 3.6, 0.3, -4, 1.7, 0]],
      ["by repetition first", { repetitionPenalty: 2, presencePenalty: 0.5 }, [0.15, -2.9, 0.55, 0.3, -4, 1.7, 0]],
      ["by a bias last", { frequencyPenalty: 0.75, logitBias: biases }, [-99.7, -1.95, 2.1, 0.3, 1, 1.7, 0]],
    ])("change logits %s", (_, options, expected) => {
      expectDistribution(
        found(options),
        reference.softmax(expected).map((weight) => (weight < 1e-20 ? 0 : weight)),
      );
      const likeliest = expected.indexOf(Math.max(...expected));
      expect(sampleToken(Float32Array.from(logits), { ...options, temperature: 0 }, Random.from(1), earlier)).toBe(
        likeliest,
      );
    });

    it("are divided by the temperature with the logits", () => {
      const expected = [0.3, -1.95, 0.6, 0.3, -4, 1.7, 0].map((logit) => logit / 2);
      expectDistribution(found({ frequencyPenalty: 0.75, temperature: 2 }), reference.softmax(expected));
    });
  });

  it("draws equally likely tokens alike", () => {
    expectDistribution(counts({}, [5, 5, 5, 5, 5]), [1, 1, 1, 1, 1]);
  });

  it("never draws a token of probability zero", () => {
    expectDistribution(counts({}, [Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY, 0]), [0, 1, 0, 1]);
  });

  it.each([{ temperature: 0 }, { topK: 1 }, {}, { topK: 2 }, { topP: 0.5 }, { minP: 0.1 }])(
    "refuses logits of which none can be drawn, with %j",
    (options) => {
      const draw = (given: readonly number[], more: SamplingOptions = {}) =>
        sampleToken(Float32Array.from(given), { ...options, ...more }, Random.from(1));
      const [nan, infinite] = [Number.NaN, Number.POSITIVE_INFINITY];
      const bias = (...biases: (readonly [number, number])[]) => ({ logitBias: new Map(biases) });
      expect(() => draw([1, nan, 3])).toThrow("the model's logits are not numbers: the highest is NaN");
      expect(() => draw([infinite, 2, 3])).toThrow("the highest is Infinity");
      expect(() => draw([-infinite, -infinite])).toThrow("the highest is -Infinity");
      expect(() => draw([1, 2, 3], bias([1, infinite]))).toThrow("logitBias of token 1 is Infinity, expected a number");
      expect(() => draw([1, 2, 3], bias([2, nan]))).toThrow("logitBias of token 2 is NaN, expected a number");
      expect(() => draw([1, 2], bias([0, -infinite], [1, -infinite]))).toThrow("no token is left to draw");
      expect(() => draw([1, 2], bias([0, 1e39]))).toThrow("penalties and logitBias make a logit Infinity");
      expect(draw([1, 5], bias([1, -infinite]))).toBe(0);
      expect(draw([1, 5], bias([0, 100]))).toBe(0);
    },
  );

  it("draws the same of the same stream", () => {
    expect(counts({ topK: 4, topP: 0.9 })).toEqual(counts({ topK: 4, topP: 0.9 }));
  });

  it("draws one of the k most likely, whatever the logits", () => {
    // In eighths, as logits that differ by less than the exponential function can tell are equally likely.
    const eighths = fc.integer({ min: -800, max: 800 }).map((eighth) => eighth / 8);
    const anyLogits = fc.array(eighths, { minLength: 1, maxLength: 20 });
    const options = fc.record({
      temperature: fc.double({ min: 0.01, max: 10, noNaN: true }),
      topK: fc.integer({ min: 1, max: 25 }),
      topP: fc.double({ min: 0.01, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(anyLogits, options, fc.integer(), (given, sampling, seed) => {
        const id = sampleToken(Float32Array.from(given), sampling, Random.from(seed));
        const better = given.filter((logit) => logit > at(given, id));
        expect(better.length).toBeLessThan(sampling.topK);
      }),
    );
  });
});
