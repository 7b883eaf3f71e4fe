/** What writes with a model: a cache of keys and values where the model says that it serves, else whole windows. */

import { expect, it } from "vitest";
import { Decoder, openSequences } from "../../src/generation/index.ts";
import { Inference, uploadArrays } from "../../src/inference/index.ts";
import { type CompleteModelConfig, defineModel, givenOf, modelOf, modelSchema } from "../../src/model/index.ts";
import { causalAttention, embedding, linear, tokenTable } from "../../src/nn/index.ts";
import { optionsWithDefaults } from "../../src/options.ts";
import { matmul } from "../../src/tensor/index.ts";
import { useDevice } from "../support/device.ts";
import { drawnParameters } from "../support/models.ts";
import { expectClose, values } from "../support/values.ts";

const device = useDevice();

/** One layer of attention. */
function define(name: `${string}:${string}`, cached: boolean) {
  return defineModel({
    name,
    cached,
    options: optionsWithDefaults({ width: 6 }),
    forward:
      ({ vocabulary, width }) =>
      (scope, tokens) => {
        const table = scope.within("embedding");
        const x = embedding(table, tokens, { vocabulary, width });
        const project = (part: string) => linear(scope.within(part), x, { width, bias: false });
        const parts = { query: project("query"), key: project("key"), value: project("value") };
        const attended = causalAttention(scope, parts, { heads: 3, dropout: 0, rotary: 2 });
        return matmul(scope.wanted(attended), tokenTable(table, vocabulary, width), { transposeB: true });
      },
  });
}

it.each([true, false])("gives the logits of the model, one of one's own with a cache: %s", async (cached) => {
  const type = define(`test:cached-${cached}`, cached);
  const config: CompleteModelConfig = { ...modelSchema.parse({ type, context: 7 }), vocabulary: 11 };
  const parameters = await uploadArrays(device(), drawnParameters(config));
  const inference = new Inference(device(), modelOf(config), parameters, givenOf(config));
  const sequences = await openSequences(inference, config);
  expect(sequences instanceof Decoder).toBe(cached);
  // Where there is no cache, one that is asked for would be taken no notice of.
  if (!cached) await expect(Decoder.open(inference, { context: 7 })).rejects.toThrow("use openSequences");
  const ids = [3, 1, 4, 1, 5];
  const { slot, logits } = await sequences.start(ids.slice(0, 3));
  const found = [logits];
  for (const id of ids.slice(3)) {
    const next = (await sequences.step(new Map([[slot, id]]))).get(slot);
    if (next !== undefined) found.push(next);
  }
  const whole = await inference.logits(Int32Array.from(ids), [1, ids.length]);
  const expected = values([3, 11], Array.from<number | bigint, number>(whole.data, Number).slice(2 * 11));
  expectClose(
    values(
      [3, 11],
      found.flatMap((row) => [...row]),
    ),
    expected,
    1e-5,
  );
  await sequences.release();
  await inference.release();
});
