import { describe, expect, it } from "vitest";
import { grow, growthPlanSchema, type HostArray } from "../../src/growth/index.ts";
import type { TokenBatch } from "../../src/inference/index.ts";
import { type CompleteModelConfig, givenOf, modelOf, sizesOf } from "../../src/model/index.ts";
import { type Model, normal } from "../../src/nn/index.ts";
import { replicasFor } from "../../src/optimizer/index.ts";
import { required } from "../../src/required.ts";
import { Device } from "../../src/runtime/index.ts";
import { gather, matmul } from "../../src/tensor/index.ts";
import { initialState, Trainer } from "../../src/training/portable.ts";
import { useDevice } from "../support/device.ts";
import { drawnBatch, modelState, tinyTokenFormer } from "../support/models.ts";
import { expectClose, values } from "../support/values.ts";

const device = useDevice();

// Adam divides by the root of the second moment: with a small ε, roundings of the sum grow where that is near zero.
const options = { beta1: 0.9, beta2: 0.99, epsilon: 1e-3, weightDecay: 0.1, clip: 1 };

const passes = [drawnBatch("first", [5, 4], 13), drawnBatch("second", [2, 4], 13)];

const plan = growthPlanSchema.parse({ add: { query: 3, feedForward: 5 }, init: "random", freeze: 1 });

interface Outcome {
  readonly losses: readonly number[];
  readonly norms: readonly number[];
  readonly parameters: ReadonlyMap<string, HostArray>;
}

/** Three updates, growth, two more. */
async function outcome(replicas: number, dropout: number, batches: readonly TokenBatch[]): Promise<Outcome> {
  const config: CompleteModelConfig = { ...tinyTokenFormer, dropout };
  const model = modelOf(config);
  const state = modelState(config, initialState(model, 3, sizesOf(config)));
  const trainer = await Trainer.create(device(), model, state, { ...options, given: givenOf(config), replicas });
  const [losses, norms]: [number[], number[]] = [[], []];
  const update = async () => {
    const { loss, gradientNorm } = await trainer.update(batches, 0.01, 1);
    losses.push(loss);
    norms.push(gradientNorm);
  };
  for (let step = 0; step < 3; step++) await update();
  const grown = grow({ ...state, ...(await trainer.download()) }, plan, 1);
  await trainer.replace(grown);
  trainer.inference.use({ given: givenOf(grown.config) });
  for (let step = 0; step < 2; step++) await update();
  const { parameters } = await trainer.download();
  await trainer.close();
  return { losses, norms, parameters };
}

describe("replicas", () => {
  // Five sequences on two, three, and as many as there are: the last have none of the second pass.
  it.each([
    [2, 0],
    [3, 0],
    [5, 0],
    [2, 0.3],
    [3, 0.3],
  ])("%d of them make the updates of one, growth included, with dropout %f", async (replicas, dropout) => {
    const [one, many] = [await outcome(1, dropout, passes), await outcome(replicas, dropout, passes)];
    expect(many.losses).toHaveLength(5);
    many.losses.forEach((loss, step) => {
      expect(loss, `update ${step}`).toBeCloseTo(required(new Map(one.losses.entries()), step), 5);
    });
    many.norms.forEach((norm, step) => {
      expect(norm, `update ${step}`).toBeCloseTo(required(new Map(one.norms.entries()), step), 4);
    });
    for (const [name, { shape, data }] of many.parameters) {
      const expected = required(one.parameters, name);
      expectClose(values(shape, [...data]), values(expected.shape, [...expected.data]), 1e-4, name);
    }
  });

  it("drop the same weights of attention in blocks", async () => {
    const config: CompleteModelConfig = { ...tinyTokenFormer, context: 300, dropout: 0.3 };
    const state = modelState(config, initialState(modelOf(config), 3, sizesOf(config)));
    const batch = drawnBatch("long", [3, 300], 13);
    const updates = async (replicas: number, time: number | undefined) => {
      const more = { given: givenOf(config), replicas, ...(time !== undefined && { time }) };
      const trainer = await Trainer.create(device(), modelOf(config), state, { ...options, ...more });
      const results = [await trainer.update([batch], 0.01, 1), await trainer.update([batch], 0.01, 1)];
      const wrong = trainer.update(passes, 0.01, 1);
      if (time === undefined) await wrong;
      else
        await expect(wrong).rejects.toThrow("a batch of context 4: this trainer was made for 300, its option `time`");
      await trainer.close();
      return results;
    };
    const [one, two, whole] = [await updates(1, 300), await updates(2, 300), await updates(1, undefined)];
    two.forEach(({ loss, gradientNorm }, step) => {
      expect(loss).toBeCloseTo(one[step]?.loss ?? Number.NaN, 5);
      expect(gradientNorm).toBeCloseTo(one[step]?.gradientNorm ?? Number.NaN, 4);
    });
    // Each block has masks of its own, so that it can be told that there are blocks.
    expect(Math.abs((whole[0]?.loss ?? 0) - (one[0]?.loss ?? 0))).toBeGreaterThan(1e-4);
  });

  it("update nothing where one has no finite gradients", async () => {
    const state = modelState(tinyTokenFormer, initialState(modelOf(tinyTokenFormer), 3, sizesOf(tinyTokenFormer)));
    const given = givenOf(tinyTokenFormer);
    const trainer = await Trainer.create(device(), modelOf(tinyTokenFormer), state, { ...options, given, replicas: 2 });
    trainer.inference.use({ given: new Map([...given].map(([name]) => [name, Number.NaN])) });
    const { gradientNorm } = await trainer.update(passes, 0.01, 1);
    expect(gradientNorm).toBeNaN();
    expect((await trainer.download()).parameters).toEqual(state.parameters);
    trainer.inference.use({ given });
    expect((await trainer.update(passes, 0.01, 1)).loss).toBeCloseTo((await outcome(1, 0, passes)).losses[0] ?? 0, 5);
    await trainer.close();
  });
});

it.each([0, 4])("change nothing where one of them fails at sequence %d, and then go on", async (sequence) => {
  // Its table has not a row for each of its tokens.
  const model: Model = (scope, tokens) =>
    matmul(gather(scope.parameter("table", [11, 7], normal(1)), tokens), scope.parameter("output", [7, 13], normal(1)));
  const trainer = await Trainer.create(device(), model, initialState(model, 3), { ...options, replicas: 3 });
  const batch = drawnBatch("first", [5, 4], 11);
  await trainer.update([batch], 0.01, 1);
  const before = await trainer.download();
  // The program of one device refuses it, while the others wait for that one.
  const tokens = batch.tokens.map((token, index) => (index === 4 * sequence ? 12 : token));
  await expect(trainer.update([{ ...batch, tokens }], 0.01, 1)).rejects.toThrow("indices element out of data bounds");
  expect(await trainer.download()).toEqual(before);
  await trainer.update([batch], 0.01, 1);
  expect((await trainer.download()).step).toBe(2);
  await trainer.close();
});

describe("the number of replicas", () => {
  const connection = { kind: "cpu", description: "", request: expect.fail, close: expect.fail } as const;
  const cpu = (threads: number) => new Device({ ...connection, threads, another: () => expect.fail() });

  it.each([
    ["one on one core", 1, 12, 64, 1],
    ["one for each core", 2, 12, 64, 2],
    ["no more than make 256 tokens each", 8, 12, 64, 3],
    ["no more than there are sequences", 16, 5, 4096, 5],
    ["one for a single sequence", 8, 1, 1024, 1],
    ["one for few tokens", 8, 4, 16, 1],
  ])("is %s", (_, threads, sequences, context, expected) => {
    expect(replicasFor(cpu(threads), { sequences, context }, 1_000_000)).toBe(expected);
  });

  it("is smaller for large models, whose weights and gradients each has", () => {
    const batch = { sequences: 64, context: 1024 };
    expect([1e6, 10e6, 30e6, 124e6].map((parameters) => replicasFor(cpu(32), batch, parameters))).toEqual([
      17, 5, 2, 1,
    ]);
  });

  it("is one where there are no other threads, and on a GPU", () => {
    const batch = { sequences: 64, context: 1024 };
    const alone = new Device({ ...connection, threads: 8, another: undefined });
    const gpu = new Device({ ...connection, kind: "webgpu", threads: 8, another: () => expect.fail() });
    expect(replicasFor(alone, batch, 1000)).toBe(1);
    expect(replicasFor(gpu, batch, 1000)).toBe(1);
  });
});
