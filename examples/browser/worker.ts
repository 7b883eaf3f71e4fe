/** Trains in a web worker, where nothing of the page stands still meanwhile, and grows on the way. */

import {
  CharacterTokenizer,
  createCorpus,
  Decoder,
  generate,
  memoryTokens,
  openDevice,
  parseConfig,
  Run,
} from "tokenformer/browser";
import type { FromWorker, ToWorker } from "./messages.ts";

const tell = (message: FromWorker) => self.postMessage(message);

async function train({ text, steps, prompt }: ToWorker): Promise<void> {
  const tokenizer = CharacterTokenizer.fromText(text);
  const corpus = createCorpus("the page's text", tokenizer, memoryTokens(tokenizer.encode(text)));
  const device = await openDevice("auto"); // WebGPU where there is one, else WebAssembly
  const tokens = { query: 16, key: 16, value: 16, projection: 16, feedForward: 64 };
  const config = parseConfig({
    model: {
      type: "tokenformer",
      parametrisation: "balanced",
      context: 16,
      layers: 2,
      heads: 2,
      width: 32,
      tokens,
      tied: true,
    },
    training: { steps, batch: 8, warmup: 0, learningRate: 5e-3, evaluateEvery: 0, evaluationTokens: 512 },
    growth: [{ step: Math.ceil(steps / 2), add: { feedForward: "x2" } }],
  });
  const run = await Run.create({ config, corpus, device });
  for await (const event of run.events()) {
    if (event.type === "step") tell({ type: "loss", step: event.step, loss: event.loss });
    if (event.type === "growth") tell({ type: "line", text: `grown: ${event.summary}` });
  }
  const decoder = await Decoder.open(run.trainer.inference, { context: run.context });
  for await (const piece of generate(decoder, tokenizer, { prompt, tokens: 40 })) tell({ type: "text", text: piece });
  await decoder.release();
  await run.close();
  await device.close();
  tell({ type: "end" });
}

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  train(data).catch((error: unknown) => tell({ type: "line", text: String(error) }));
};
