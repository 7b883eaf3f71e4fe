/** Products in float16. The CPU computes them in float32, so that what the scale of the loss does is seen alone. */

import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { modelOf } from "../../src/model/index.ts";
import { requireHalfProducts } from "../../src/runtime/index.ts";
import { initialState, Trainer, train } from "../../src/training/index.ts";
import { LossScale } from "../../src/training/loss-scale.ts";
import { entry, useDevice } from "../support/device.ts";
import { expectClose, values } from "../support/values.ts";
import { corpus, tinyConfig, transformerModel } from "./support.ts";

const device = useDevice();

describe("the scale of the loss", () => {
  it("is halved down to 1 while gradients overflow", () => {
    const scale = new LossScale();
    expect(scale.factor).toBe(65_536);
    for (let halvings = 0; halvings < 16; halvings++) expect(scale.lower()).toBe(true);
    expect(scale.factor).toBe(1);
    expect(scale.lower()).toBe(false);
    expect(scale.factor).toBe(1);
  });

  it("is doubled after 2000 updates without an overflow", () => {
    const scale = new LossScale();
    const succeed = (times: number) => Array.from({ length: times }, () => scale.succeeded());
    succeed(1999);
    scale.lower();
    succeed(1999);
    expect(scale.factor).toBe(32_768);
    succeed(1);
    expect(scale.factor).toBe(65_536);
    succeed(2000);
    expect(scale.factor).toBe(131_072);
  });
});

describe("updates with a scaled loss", () => {
  const tokens = Int32Array.from({ length: 15 }, (_, i) => (i * i) % 11);
  const targets = Int32Array.from({ length: 15 }, (_, i) => (i * i + 3) % 13);
  const batch = { tokens, targets, sequences: 3, context: 5 };

  /** What two updates measure, and the parameters after them. */
  async function outcome(precision: "float32" | "float16", headTimes: number) {
    const { training, model: chosen } = tinyConfig({}, {}, transformerModel);
    const model = modelOf({ ...chosen, vocabulary: 13 });
    const state = initialState(model, 3);
    entry(Object.fromEntries(state.parameters), "output.weight").data.forEach((weight, index, data) => {
      data[index] = weight * headTimes;
    });
    const trainer = await Trainer.create(device(), model, state, { ...training, precision });
    const results = [];
    for (const seed of [1, 2]) results.push(await trainer.update([batch, batch], 0.01, seed));
    const { parameters } = await trainer.download();
    await trainer.close();
    return { results, parameters };
  }

  // With weights of 1e36, the gradients times 65536 are no float32: the scale is halved until they are.
  it.each([1, 1e36])("are those of the loss itself, with weights of the head times %d", async (headTimes) => {
    const [plain, scaled] = [await outcome("float32", headTimes), await outcome("float16", headTimes)];
    plain.results.forEach(({ loss, gradientNorm }, index) => {
      expect(Number.isFinite(gradientNorm)).toBe(true);
      expect((scaled.results[index]?.loss ?? Number.NaN) / loss).toBeCloseTo(1, 6);
      expect((scaled.results[index]?.gradientNorm ?? Number.NaN) / gradientNorm).toBeCloseTo(1, 5);
    });
    for (const [name, { shape, data }] of scaled.parameters) {
      const { data: expected } = entry(Object.fromEntries(plain.parameters), name);
      expectClose(values(shape, [...data]), values(shape, [...expected]), 1e-4, name);
    }
  });

  it("give up where the loss is not finite whatever its scale", async () => {
    const { results } = await outcome("float16", Number.NaN);
    expect(results.map(({ gradientNorm }) => gradientNorm)).toEqual([Number.NaN, Number.NaN]);
  });
});

it("is refused on the cpu, before anything is written", async () => {
  await expect(requireHalfProducts(device(), "training.precision")).rejects.toThrow(UserError);
  const config = tinyConfig({ precision: "float16" });
  await expect(train({ config, data: corpus, device: device() }).next()).rejects.toThrow(
    'training.precision "float16": matrix products in float16 need a GPU (--device webgpu or cuda), the cpu computes in float32; use float32, which is the default',
  );
});

it("is not for replicas", async () => {
  const { training, model: chosen } = tinyConfig({}, {}, transformerModel);
  const model = modelOf({ ...chosen, vocabulary: 13 });
  const options = { ...training, precision: "float16" as const, replicas: 2 };
  await expect(Trainer.create(device(), model, initialState(model, 3), options)).rejects.toThrow(
    "replicas compute in float32, not float16",
  );
});
