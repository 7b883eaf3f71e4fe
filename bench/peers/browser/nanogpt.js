/**
 * A GPT of the same layers, heads and width in @genai-fi/nanogpt, by its own training job, on the TensorFlow.js backend in plain
 * JavaScript: the only one of its three that needs no GPU.
 */

import { data, TeachableLLM } from "@genai-fi/nanogpt";
import { batch, config } from "./turns.js";

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,;:!?'-\n()";

async function job(steps) {
  await TeachableLLM.selectBackend("cpu");
  const { context: blockSize, layers: nLayer, heads: nHead, width: nEmbed } = config;
  const sizes = { vocabSize: letters.length + 8, blockSize, nLayer, nHead, nEmbed, mlpFactor: 4 };
  const model = TeachableLLM.create("char", { modelType: "GenAI_NanoGPT_v1", useRope: true, ...sizes });
  const text = Array.from({ length: 40_000 }, (_, at) => letters[(at * at + 7 * at) % letters.length]).join("");
  const streams = [new data.MemoryConversationStream([[{ role: "assistant", content: text }]])];
  await model.trainTokeniser(streams);
  const history = [];
  await new Promise((resolve, reject) => {
    model.training.on("error", (_, error) => reject(error));
    model.training.on("progress", ({ id, history: log }) => {
      history.push({ at: performance.now(), loss: log?.at(-1)?.trainingMetrics.loss });
      if (history.length <= steps) return;
      model.training.cancel(id);
      resolve();
    });
    const options = {
      method: { type: "pretraining" },
      batchSize: batch,
      logInterval: 1,
      maxEpochs: 100,
      learningRate: 1e-3,
    };
    model.training.job(options, streams, [{ id: "text", name: "text", conversational: false }]).catch(reject);
  });
  model.dispose();
  const seconds = history.slice(1).map(({ at }, index) => (at - history[index].at) / 1000);
  return { seconds: seconds.slice(0, steps), losses: history.slice(1).map(({ loss }) => loss) };
}

self.onmessage = async ({ data: steps }) => {
  try {
    self.postMessage(await job(steps));
  } catch (error) {
    self.postMessage({ error: String(error?.stack ?? error) });
  }
};
