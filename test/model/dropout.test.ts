/** Where the models drop: attention weights, and what attention and the feed-forward layer add. */

import { expect, it } from "vitest";
import { Inference, scalar, scalarOf, uploadArrays } from "../../src/inference/inference.ts";
import { type CompleteModelConfig, givenOf, modelOf, traceModel } from "../../src/model/index.ts";
import { graph, inputName } from "../../src/tensor/index.ts";
import { gradientsOf } from "../../src/training/gradient-program.ts";
import { useDevice } from "../support/device.ts";
import { drawnBatch, drawnParameters, evaluated, tinyTokenFormer } from "../support/models.ts";

const device = useDevice();
const batch = drawnBatch("dropout", [3, 4], 13);
const transformer: CompleteModelConfig = {
  type: "transformer",
  vocabulary: 13,
  context: 5,
  layers: 2,
  heads: 2,
  width: 6,
  dropout: 0.2,
  tied: false,
  activation: "relu",
  biases: true,
  positions: "learned",
  rotaryFraction: 0.25,
  normEpsilon: 1e-5,
};
const dropping: readonly CompleteModelConfig[] = [transformer, { ...tinyTokenFormer, dropout: 0.2 }];

it.each(dropping)("a $type has three places in each block, while training", (config) => {
  const traced = (training: boolean) => traceModel(modelOf(config), { training });
  expect(traced(true).scope.unique()).toBe(3 * 2);
  expect(traced(false).scope.unique()).toBe(0);
  const inputs = (training: boolean) => graph("model", { logits: traced(training).logits }).inputs.map(inputName);
  expect(inputs(true)).toContain("dropout.seed");
  expect(inputs(false)).not.toContain("dropout.seed");
});

it.each(dropping)(
  "the loss of a $type depends on the seed while training, and is that without dropout on average",
  async (config) => {
    const parameters = drawnParameters(config, 0.3);
    const program = await device().compile(gradientsOf(modelOf(config)).graph, { download: ["loss"] });
    const uploaded = await uploadArrays(device(), parameters);
    const inference = new Inference(device(), modelOf(config), uploaded, givenOf(config));
    const losses: number[] = [];
    for (let seed = 0; seed < 60; seed++) {
      const inputs = {
        ...inference.inputs(),
        ...inference.batchInputs(batch, 1 / 12),
        "dropout.seed": scalar(seed % 50, "int32"),
        "dropout.first": scalar(0, "int32"),
      };
      const { values, tensors } = await program.run(inputs);
      await device().dispose(Object.values(tensors));
      losses.push(scalarOf(values, "loss"));
    }
    await program.release();
    await device().dispose(uploaded.values());
    expect(losses.slice(50)).toEqual(losses.slice(0, 10));
    expect(new Set(losses).size).toBe(50);
    const { loss } = await evaluated(device(), { config, parameters }, batch);
    const mean = losses.reduce((sum, value) => sum + value) / losses.length;
    // A convex loss is raised by noise, but not by much.
    expect(Math.abs(mean / loss - 1)).toBeLessThan(0.1);
  },
);
