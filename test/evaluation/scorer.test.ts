import { describe, expect, it } from "vitest";
import { isGreedy, Scorer } from "../../src/evaluation/index.ts";
import { Inference, uploadArrays } from "../../src/inference/index.ts";
import { givenOf, modelOf } from "../../src/model/index.ts";
import { type Model, normal } from "../../src/nn/index.ts";
import { add, gather } from "../../src/tensor/index.ts";
import { useDevice } from "../support/device.ts";
import { drawnParameters, tinyTokenFormer } from "../support/models.ts";
import { integers } from "../support/values.ts";

const device = useDevice();
const V = tinyTokenFormer.vocabulary;

async function open(top: number) {
  const parameters = await uploadArrays(device(), drawnParameters(tinyTokenFormer));
  const inference = new Inference(device(), modelOf(tinyTokenFormer), parameters, givenOf(tinyTokenFormer));
  return { inference, scorer: await Scorer.create(inference, { top }) };
}

const drawn = (key: string, length: number) => Int32Array.from(integers(key, [length], V).data);

/** ln softmax of a row of logits, in float64. */
function logSoftmax(logits: Float32Array): number[] {
  const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
  return Array.from(logits, (logit) => logit - total);
}

describe("scores", () => {
  it("are the log-probabilities of each next token and of the most likely ones, whatever the lengths", async () => {
    const { inference, scorer } = await open(3);
    const sequences = [3, 5, 1, 2, 5].map((length, index) => drawn(`scores ${index}`, length));
    const scores = await scorer.score(sequences);
    expect(scores).toHaveLength(sequences.length);
    for (const [index, tokens] of sequences.entries()) {
      const { data } = await inference.logits(tokens, [1, tokens.length]);
      const own = scores[index];
      expect(own?.logProbabilities).toHaveLength(tokens.length - 1);
      for (let place = 0; place + 1 < tokens.length; place++) {
        const expected = logSoftmax(data.slice(place * V, (place + 1) * V));
        const ranked = [...expected.keys()].sort((a, b) => (expected[b] ?? 0) - (expected[a] ?? 0));
        const token = tokens[place + 1] ?? -1;
        expect(own?.logProbabilities[place]).toBeCloseTo(expected[token] ?? Number.NaN, 5);
        expect([...(own?.topIds.slice(3 * place, 3 * place + 3) ?? [])]).toEqual(ranked.slice(0, 3));
        const best = ranked[0] ?? -1;
        expect(own?.topLogProbabilities[3 * place]).toBeCloseTo(expected[best] ?? Number.NaN, 5);
        if (own !== undefined) expect(isGreedy(own, place)).toBe(token === best);
      }
      const next = data.slice(-V);
      expect(own?.next).toHaveLength(V);
      for (const [id, logit] of own?.next.entries() ?? []) expect(logit).toBeCloseTo(next[id] ?? Number.NaN, 4);
    }
  });

  it.each([0, -1, 1.5, Number.NaN])("are not of %f most likely tokens", async (top) => {
    await expect(open(top)).rejects.toThrow(`top is ${top}, expected a whole number from 1`);
  });

  it("of a greedy continuation are, to the bit, those of the best tokens", async () => {
    const { inference, scorer } = await open(1);
    const tokens = [4];
    while (tokens.length < 5) {
      const logits = await inference.nextLogits(Int32Array.from(tokens));
      tokens.push(logits.indexOf(Math.max(...logits)));
    }
    const [own] = await scorer.score([Int32Array.from(tokens)]);
    expect(own?.logProbabilities).toEqual(own?.topLogProbabilities);
    expect([...(own?.topIds ?? [])]).toEqual(tokens.slice(1));
  });

  it("are given for more sequences than go through the model at once", async () => {
    const { scorer } = await open(1);
    const sequences = Array.from({ length: 1500 }, (_, index) => drawn(`many ${index % 7}`, 1 + (index % 5)));
    const scores = await scorer.score(sequences);
    expect(scores.map(({ logProbabilities }) => logProbabilities.length)).toEqual(sequences.map((s) => s.length - 1));
    expect(scores[0]?.next).toEqual(scores[35]?.next);
  });

  it("list no more tokens than there are", async () => {
    const { scorer } = await open(99);
    const [own] = await scorer.score([drawn("all", 2)]);
    expect(own?.top).toBe(V);
    expect([...(own?.topIds ?? [])].toSorted((a, b) => a - b)).toEqual([...new Array(V).keys()]);
  });

  it("are given of a model whose parameters are named like them", async () => {
    const names = ["next", "topIds", "logProbabilities", "topLogProbabilities"];
    const model: Model = (scope, tokens) => {
      const [first, ...others] = names.map((name) => gather(scope.parameter(name, [5, 3], normal(1)), tokens));
      if (first === undefined) throw new Error("no parameter");
      return others.reduce((sum, other) => add(sum, other), first);
    };
    const data = (index: number) => Float32Array.from({ length: 15 }, (_, at) => Math.sin(at + index));
    const arrays = names.map((name, index) => [name, { shape: [5, 3], data: data(index) }] as const);
    const inference = new Inference(device(), model, await uploadArrays(device(), arrays));
    const [own] = await (await Scorer.create(inference, { top: 2 })).score([Int32Array.of(1, 2)]);
    const logits = [6, 7, 8].map((at) => names.reduce((sum, _, index) => sum + Math.sin(at + index), 0));
    for (const [id, logit] of logits.entries()) expect(own?.next[id]).toBeCloseTo(logit, 5);
  });

  it("of nothing are nothing", async () => {
    const { scorer } = await open(1);
    expect(await scorer.score([])).toEqual([]);
  });

  it("are refused for an empty sequence, and for a token that the model does not have", async () => {
    const { scorer } = await open(1);
    await expect(scorer.score([Int32Array.of(1, 2), new Int32Array()])).rejects.toThrow(
      "sequence 1 is empty, expected one token at least",
    );
    await expect(scorer.score([Int32Array.of(1, -1)])).rejects.toThrow("token -1 is not one of 0 to 12");
  });

  it("without what follows, have sequences of one token more than learned positions", async () => {
    const config = { ...tinyTokenFormer, positions: "learned" as const };
    const parameters = await uploadArrays(device(), drawnParameters(config));
    const inference = new Inference(device(), modelOf(config), parameters, givenOf(config));
    const [all, some] = [
      await Scorer.create(inference, { top: 2 }),
      await Scorer.create(inference, { top: 2, next: false }),
    ];
    const sequences = [config.context, 2, 1].map((length, index) => drawn(`learned ${index}`, length));
    const short = (await all.score(sequences)).map((scores) => ({ ...scores, next: new Float32Array() }));
    expect(await some.score(sequences)).toEqual(short);
    const [long] = await some.score([Int32Array.of(...(sequences[0] ?? []), 3)]);
    expect(long?.logProbabilities).toHaveLength(config.context);
    const { data } = await inference.logits(sequences[0] ?? new Int32Array(), [1, config.context]);
    expect(long?.logProbabilities.at(-1)).toBeCloseTo(logSoftmax(data.slice(-V))[3] ?? Number.NaN, 5);
    await inference.close();
  });

  it("with gated generations are of a program of their own", async () => {
    const tokens = { query: 2, key: 1, value: 3, projection: 4, feedForward: 5 };
    const config = { ...tinyTokenFormer, tokenNorm: "generation" as const, generations: [{ tokens }] };
    const parameters = await uploadArrays(device(), drawnParameters(config));
    const inference = new Inference(device(), modelOf(config), parameters, givenOf(config));
    const ungated = await Scorer.create(inference, { top: 1 });
    const gated = await Scorer.create(inference, { top: 1, gated: { first: 1, count: 1 } });
    const sequence = drawn("gated", 5);
    const [all] = await ungated.score([sequence]);
    const [open, shut] = await gated.score([sequence, sequence], [[0], []]);
    const difference = (other: typeof all) =>
      Math.max(...(all?.next ?? []).map((logit, id) => Math.abs(logit - (other?.next[id] ?? Number.NaN))));
    expect(difference(open)).toBeLessThan(1e-4);
    expect(difference(shut)).toBeGreaterThan(0.1);
  });
});
