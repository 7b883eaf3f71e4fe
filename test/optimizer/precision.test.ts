/** Products in float16. The CPU computes them in float32, so that what the scale of the loss does is seen alone. */

import { existsSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { UserError } from "../../src/errors.ts";
import { modelOf } from "../../src/model/index.ts";
import { LossScale } from "../../src/optimizer/loss-scale.ts";
import { Device, requireHalfProducts } from "../../src/runtime/index.ts";
import { train } from "../../src/training/index.ts";
import { initialState, Trainer } from "../../src/training/portable.ts";
import { useFolder } from "../formats/helpers.ts";
import { entry, useDevice } from "../support/device.ts";
import { expectClose, values } from "../support/values.ts";
import { corpus, tinyConfig, transformerModel } from "../training/support.ts";

const device = useDevice();
const folder = useFolder();

describe("the scale of the loss", () => {
  it("is halved down to 1 while gradients overflow, and begins anew where that does not help", () => {
    const scale = new LossScale();
    expect(scale.factor).toBe(65_536);
    for (let halvings = 0; halvings < 16; halvings++) expect(scale.lower()).toBe(true);
    expect(scale.factor).toBe(1);
    expect(scale.lower()).toBe(false);
    expect(scale.factor).toBe(65_536);
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

  /** What two updates measure, the parameters after them, and the factors of the loss in each pass. */
  async function outcome(precision: "float32" | "float16", headTimes: number) {
    const { training, model: chosen } = tinyConfig({}, {}, transformerModel);
    const model = modelOf({ ...chosen, vocabulary: 13 });
    const state = initialState(model, 3);
    entry(Object.fromEntries(state.parameters), "output.weight").data.forEach((weight, index, data) => {
      data[index] = weight * headTimes;
    });
    const factors: number[] = [];
    const compile = vi.spyOn(device(), "compile").mockImplementation(async (...given) => {
      const program = await Device.prototype.compile.apply(device(), given);
      const run: typeof program.run = (inputs) => {
        const factor = inputs["lossFactor"];
        if (factor !== undefined && "data" in factor) factors.push(Math.round(Number(factor.data[0]) * 30));
        return program.run(inputs);
      };
      return { ...program, run };
    });
    const trainer = await Trainer.create(device(), model, state, { ...training, precision });
    compile.mockRestore();
    const results = [];
    for (const seed of [1, 2]) results.push(await trainer.update([batch, batch], 0.01, seed));
    const { parameters } = await trainer.download();
    await trainer.close();
    return { results, parameters, factors };
  }

  const passesWith = (...factors: number[]) => factors.flatMap((factor) => [factor, factor]);

  it.each([
    { headTimes: 1, factors: passesWith(65_536, 65_536) },
    // The gradients times 65536 are no float32: the factor is halved until they are.
    { headTimes: 1e34, factors: passesWith(65_536, 32_768, 32_768) },
  ])("are those of the loss itself: %o", async ({ headTimes, factors }) => {
    const [plain, scaled] = [await outcome("float32", headTimes), await outcome("float16", headTimes)];
    expect(plain.factors).toEqual(passesWith(1, 1));
    expect(scaled.factors).toEqual(factors);
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

  it("are not tried again where the loss itself is not finite", async () => {
    const { results, factors } = await outcome("float16", Number.NaN);
    expect(results.map(({ gradientNorm }) => gradientNorm)).toEqual([Number.NaN, Number.NaN]);
    expect(factors).toEqual(passesWith(65_536, 65_536));
  });
});

it("is refused on the cpu, before anything is written", async () => {
  await expect(requireHalfProducts(device(), "training.precision")).rejects.toThrow(UserError);
  const config = tinyConfig({ precision: "float16" });
  const out = folder.at("run");
  await expect(train({ config, data: corpus, device: device(), out }).next()).rejects.toThrow(
    'training.precision "float16": matrix products in float16 need a GPU (--device webgpu or cuda), the cpu computes in float32; use float32, which is the default',
  );
  expect(existsSync(out)).toBe(false);
});

it("is not for replicas", async () => {
  const { training, model: chosen } = tinyConfig({}, {}, transformerModel);
  const model = modelOf({ ...chosen, vocabulary: 13 });
  const options = { ...training, precision: "float16" as const, replicas: 2 };
  await expect(Trainer.create(device(), model, initialState(model, 3), options)).rejects.toThrow(
    "replicas compute in float32, not float16",
  );
});
