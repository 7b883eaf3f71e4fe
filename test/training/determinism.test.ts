/** Gradients at the size of a real model: what loses additions under threads does so there, and not in a tiny one. */

import { availableParallelism } from "node:os";
import { expect, it } from "vitest";
import { configSchema, presets } from "../../src/configuration/index.ts";
import { modelWithVocabulary } from "../../src/data/vocabulary.ts";
import { Inference, scalar, uploadArrays } from "../../src/inference/index.ts";
import { givenOf, modelOf, sizesOf } from "../../src/model/index.ts";
import { DROPOUT_FIRST, DROPOUT_SEED } from "../../src/nn/index.ts";
import type { Device, HostTensor } from "../../src/runtime/index.ts";
import { CharacterTokenizer, createCorpus, embeddedBook, memoryTokens, randomBatch } from "../../src/text/index.ts";
import { gradientsOf } from "../../src/training/gradient-program.ts";
import { initialState } from "../../src/training/portable.ts";
import { entry, fromHost, useDevice } from "../support/device.ts";
import { expectClose } from "../support/values.ts";

const threaded = useDevice("cpu", { threads: Math.max(2, availableParallelism()) });
const single = useDevice("cpu", { threads: 1 });

const REPEATS = 20;

const bytes = ({ data }: HostTensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/**
 * The gradients of the lecture's model with dropout, on two windows of the book: of two of its six layers, which are alike, so that
 * each product and each sum has the size that it has in all.
 */
async function lecture() {
  const { text } = await embeddedBook();
  const tokenizer = CharacterTokenizer.fromText(text);
  const { train } = createCorpus("book", tokenizer, memoryTokens(tokenizer.encode(text.slice(0, 50_000))));
  const preset = { ...presets.lecture.config.model, layers: 2 };
  const config = modelWithVocabulary(
    configSchema.parse({ ...presets.lecture.config, model: preset }).model,
    tokenizer,
    "the preset",
  );
  const model = modelOf(config);
  const { parameters } = initialState(model, 1, sizesOf(config));
  const batch = randomBatch(train, { seed: 1, step: 0, sequences: 2, context: config.context });
  const inference = new Inference(single(), model, new Map(), givenOf(config));
  const inputs: Record<string, HostTensor> = {
    ...inference.batchInputs(batch, 1 / (2 * config.context)),
    ...inference.givenInputs(),
    [DROPOUT_SEED]: scalar(-123_456_789, "int32"),
    [DROPOUT_FIRST]: scalar(0, "int32"),
  };
  return { graph: gradientsOf(model).graph, parameters, inputs };
}

it("the gradients of the lecture's model, two layers deep, are the same bits in each of 20 repeats, and on one thread the same numbers", async () => {
  const { graph, parameters, inputs } = await lecture();
  const download = [...graph.outputs.keys()];
  const prepared = async (device: Device) => {
    const program = await device.compile(graph, { download });
    const given = { ...inputs, ...Object.fromEntries(await uploadArrays(device, parameters)) };
    return async () => (await program.run(given)).values;
  };
  const run = await prepared(threaded());
  const first = await run();
  expect(download).toHaveLength(parameters.size + 1);
  for (let repeat = 1; repeat <= REPEATS; repeat++) {
    const again = await run();
    const differing = download.filter((name) => !bytes(entry(again, name)).equals(bytes(entry(first, name))));
    expect(differing, `repeat ${repeat}`).toEqual([]);
  }
  const reference = await (await prepared(single()))();
  for (const name of download) {
    expectClose(fromHost(entry(first, name)), fromHost(entry(reference, name)), 1e-5, name);
  }
});
