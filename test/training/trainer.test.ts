/** What a trainer takes, and what it refuses before anything has changed. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { Inference, type TokenBatch, uploadArrays } from "../../src/inference/index.ts";
import { givenOf, modelOf } from "../../src/model/index.ts";
import { Trainer, type TrainerOptions } from "../../src/training/index.ts";
import { useDevice } from "../support/device.ts";
import { drawnBatch, drawnParameters, modelState, tinyTokenFormer } from "../support/models.ts";

const device = useDevice();
const state = modelState(tinyTokenFormer, { parameters: drawnParameters(tinyTokenFormer) });
const model = modelOf(tinyTokenFormer);
const given = givenOf(tinyTokenFormer);
const adam = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, clip: 1 };
const create = (options: Partial<TrainerOptions> = {}) =>
  Trainer.create(device(), model, state, { ...adam, given, ...options });

const plain: TokenBatch = drawnBatch("trainer", [2, 5], 13);
const weighted = { ...plain, weights: Float32Array.of(0, 1, 0, 0, 1, 1, 0, 0, 0, 0) };
const separate = { ...plain, documents: Int32Array.of(0, 0, 1, 1, 1, 0, 1, 1, 2, 2) };
const both = { ...weighted, ...separate };

let trainer: Trainer;
beforeAll(async () => {
  trainer = await create();
});
afterAll(() => trainer.close());

it("has the loss of batches of its form, and refuses others", async () => {
  const parameters = await uploadArrays(device(), state.parameters);
  const inference = new Inference(device(), model, parameters, given);
  for (const [form, own] of [
    [{}, plain],
    [{ weighted: true }, weighted],
    [{ separate: true }, separate],
    [{ weighted: true, separate: true }, both],
  ] as const) {
    const one = await create({ form });
    for (const other of [plain, weighted, separate, both]) {
      if (other !== own)
        await expect(one.update([other], 0.01, 1)).rejects.toThrow(
          /^a batch (with `\w+`.*without|without `\w+`.*with) them, its option `form`$/,
        );
    }
    const { loss } = await one.update([own], 0.01, 1);
    expect(loss).toBeCloseTo((await inference.evaluate([own])).loss, 5);
    await one.close();
  }
  await inference.close();
  await device().dispose(parameters.values());
});

it("refuses an update of nothing, on one device and on two", async () => {
  for (const replicas of [1, 2]) {
    const one = await create({ replicas });
    await one.update([plain], 0, 1);
    const before = (await one.download()).parameters;
    await expect(one.update([], 0.01, 1)).rejects.toThrow("an update needs at least one batch with a sequence");
    expect((await one.download()).parameters).toEqual(before);
    await one.close();
  }
});

it("makes one update at a time, at a rate that is a number", async () => {
  const [first, second] = await Promise.allSettled([
    trainer.update([plain], 0.01, 1),
    trainer.update([plain], 0.01, 1),
  ]);
  expect(first.status).toBe("fulfilled");
  expect(second).toMatchObject({ reason: { message: "an update is under way: wait for it before the next" } });
  for (const rate of [Number.NaN, -0.01, Number.POSITIVE_INFINITY])
    await expect(trainer.update([plain], rate, 1)).rejects.toThrow(
      `a learning rate of ${rate}: expected a number from 0`,
    );
  expect(trainer.step).toBe(1);
  await trainer.update([plain], 0, 1);
  expect(trainer.step).toBe(2);
});

it.each([
  [{ beta1: 1.5 }, "AdamW with beta1 1.5: expected from 0 to below 1"],
  [{ beta2: 1 }, "AdamW with beta2 1: expected from 0 to below 1"],
  [{ epsilon: 0 }, "AdamW with epsilon 0: expected a number above 0"],
  [{ weightDecay: Number.NaN }, "AdamW with weightDecay NaN: expected a number from 0"],
  [{ clip: -1 }, "AdamW with clip -1: expected a number from 0"],
])("is not made with %o", async (options, message) => {
  await expect(create(options)).rejects.toThrow(new RangeError(message));
});
