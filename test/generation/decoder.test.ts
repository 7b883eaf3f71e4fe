import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Decoder, type DecoderOptions } from "../../src/generation/index.ts";
import { type Complete, givenOf, modelOf } from "../../src/model/index.ts";
import { Inference, uploadArrays } from "../../src/training/inference.ts";
import { useDevice } from "../support/device.ts";
import { drawnParameters, tinyTokenFormer } from "../support/models.ts";
import { integers } from "../support/values.ts";

const device = useDevice();

const transformer: Complete = {
  type: "transformer",
  vocabulary: 11,
  context: 17,
  layers: 2,
  heads: 3,
  width: 12,
  dropout: 0,
  tied: true,
  activation: "relu",
  biases: true,
  positions: "learned",
  normEpsilon: 1e-5,
  rotaryFraction: 0.5,
};
const context = 17;
const configs: readonly (readonly [string, Complete])[] = [
  ["tokenformer", { ...tinyTokenFormer, context }],
  [
    "tokenformer, gelu_l2_norm, all channels rotated",
    { ...tinyTokenFormer, context, activation: "gelu_l2_norm", rotaryFraction: 1 },
  ],
  [
    "tokenformer, softmax, learned positions, untied",
    { ...tinyTokenFormer, context, activation: "softmax", positions: "learned", tied: false },
  ],
  ["transformer", transformer],
  ["transformer, rotary positions", { ...transformer, positions: "rotary" }],
  ["bigram", { type: "bigram", vocabulary: 7, context }],
];

/** A decoder of a model with drawn weights, and its logits [V] without a cache, after a window. */
async function opened(config: Complete, options: Partial<DecoderOptions> = {}) {
  const parameters = await uploadArrays(device(), drawnParameters(config));
  const inference = new Inference(device(), modelOf(config), parameters, givenOf(config));
  const decoder = await Decoder.open(inference, { context: config.context, ...options });
  const close = async () => {
    await decoder.release();
    await inference.release();
    await device().dispose(parameters.values());
  };
  return { decoder, inference, plain: (ids: readonly number[]) => inference.nextLogits(Int32Array.from(ids)), close };
}

/** Differences to 1e-4 of the largest logit. */
function expectAgreement(found: Float32Array | undefined, expected: Float32Array): void {
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = expected.reduce(
    (most, value, index) => Math.max(most, Math.abs(value - (found?.[index] ?? Number.NaN))),
    0,
  );
  expect(found).toHaveLength(expected.length);
  expect(worst / scale).toBeLessThan(1e-4);
}

const drawn = (name: string, count: number, vocabulary: number) => [...integers(name, [count], vocabulary).data];

describe.each(configs)("%s", (_, config) => {
  it.each([true, false])(
    "gives the logits of the whole window, prompt and steps (weights in the program: %s)",
    async (freeze) => {
      const { decoder, plain, close } = await opened(config, { freeze });
      const ids = drawn("ids", context, config.vocabulary);
      for (const prompt of [1, 6, context]) {
        const { slot, logits } = await decoder.start(ids.slice(0, prompt));
        expectAgreement(logits, await plain(ids.slice(0, prompt)));
        for (let length = prompt; length < context; length++) {
          const after = await decoder.step(new Map([[slot, ids[length] ?? 0]]));
          expectAgreement(after.get(slot), await plain(ids.slice(0, length + 1)));
          expect(decoder.length(slot)).toBe(length + 1);
        }
        decoder.free(slot);
      }
      await close();
    },
  );

  it("keeps sequences of unequal lengths apart, whatever is started, stepped and freed", async () => {
    const { decoder, plain, close } = await opened(config, { slots: 5 });
    const action = fc.record({
      kind: fc.constantFrom("start", "step", "step", "free"),
      pick: fc.nat(97),
      seed: fc.nat(997),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 25 }), async (actions) => {
        const sequences = new Map<number, number[]>();
        for (const { kind, pick, seed } of actions) {
          const slots = [...sequences.keys()];
          const chosen = slots.filter(
            (slot, index) => (pick >> index) % 2 === 0 && (sequences.get(slot)?.length ?? 0) < context,
          );
          if (kind === "start" && decoder.available > 0) {
            const ids = drawn(`${seed}`, 1 + (pick % context), config.vocabulary);
            const { slot, logits } = await decoder.start(ids);
            expectAgreement(logits, await plain(ids));
            sequences.set(slot, ids);
          } else if (kind === "step") {
            const tokens = new Map(chosen.map((slot) => [slot, (seed + slot) % config.vocabulary]));
            const results = await decoder.step(tokens);
            expect([...results.keys()]).toEqual(chosen);
            for (const [slot, token] of tokens) {
              sequences.get(slot)?.push(token);
              expectAgreement(results.get(slot), await plain(sequences.get(slot) ?? []));
            }
          } else if (kind === "free" && slots.length > 0) {
            const slot = slots[pick % slots.length] ?? 0;
            decoder.free(slot);
            sequences.delete(slot);
          }
        }
        for (const slot of sequences.keys()) decoder.free(slot);
      }),
      { numRuns: 12 },
    );
    await close();
  });
});
