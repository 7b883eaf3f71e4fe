/** A model on a device: which batches it takes, and what it says of others. */

import { describe, expect, it } from "vitest";
import { Inference, type TokenBatch, uploadArrays } from "../../src/inference/index.ts";
import { givenOf, modelOf } from "../../src/model/index.ts";
import { Trainer } from "../../src/training/trainer.ts";
import { useDevice } from "../support/device.ts";
import { drawnBatch, drawnParameters, modelState, tinyTokenFormer } from "../support/models.ts";

const device = useDevice();
const V = tinyTokenFormer.vocabulary;
const batch = drawnBatch("inference", [3, 5], V);

async function opened() {
  const parameters = await uploadArrays(device(), drawnParameters(tinyTokenFormer));
  return new Inference(device(), modelOf(tinyTokenFormer), parameters, givenOf(tinyTokenFormer));
}

/** The batch with another target, or another token, at a place. */
function changed(part: "tokens" | "targets", id: number): TokenBatch {
  const ids = batch[part].slice();
  ids[7] = id;
  return { ...batch, [part]: ids };
}

describe("an id that the model does not have", () => {
  const target = "is not one of 0 to 12; leave a target out of the loss by a weight of 0 in `weights`";
  const token = "is not one of 0 to 12; encode the text with the tokenizer of the model";
  const cases: readonly (readonly ["tokens" | "targets", number, string])[] = [
    ["targets", -1, `target -1 ${target}`],
    ["targets", V, `target 13 ${target}`],
    ["tokens", -1, `token -1 ${token}`],
    ["tokens", V, `token 13 ${token}`],
  ];

  it.each(cases)(
    "among %s, %i, is refused where a loss is measured and where a model learns",
    async (part, id, message) => {
      const wrong = changed(part, id);
      const inference = await opened();
      await expect(inference.evaluate([wrong])).rejects.toThrow(message);
      const state = modelState(tinyTokenFormer);
      const options = {
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        weightDecay: 0,
        clip: 0,
        given: givenOf(tinyTokenFormer),
      };
      const trainer = await Trainer.create(device(), modelOf(tinyTokenFormer), state, options);
      await expect(trainer.update([wrong], 0.01, 1)).rejects.toThrow(message);
      expect(trainer.step).toBe(0);
      await trainer.close();
      await inference.release();
    },
  );

  it("is refused where logits are asked for", async () => {
    const inference = await opened();
    await expect(inference.nextLogits(Int32Array.of(1, -1))).rejects.toThrow(`token -1 ${token}`);
    await expect(inference.records(Int32Array.of(1, V), [1, 2], ["blocks.0.attention.weights"])).rejects.toThrow(
      `token 13 ${token}`,
    );
    await inference.release();
  });
});

it("says that there was nothing to evaluate", async () => {
  const inference = await opened();
  const nothing = "evaluate: there was no batch with a target that counts";
  await expect(inference.evaluate([])).rejects.toThrow(nothing);
  await expect(inference.evaluate([{ ...batch, weights: new Float32Array(15) }])).rejects.toThrow(nothing);
  expect(await inference.sumLosses([])).toEqual({ sum: 0, tokens: 0 });
  await inference.release();
});
