/**
 * Decoding in Transformers.js on the CPU, float32, of the model in a folder: `node decode.js FOLDER`. Reads lines: `begin N` gives
 * the cache N tokens (of any content, the time does not depend on it), `decode K` writes K tokens and prints their seconds as a
 * JSON list, `quit` ends.
 */

import { createInterface } from "node:readline";
import { AutoModelForCausalLM, env, Tensor } from "@huggingface/transformers";

const [folder = ""] = process.argv.slice(2);
env.allowRemoteModels = false;
env.localModelPath = "/";
const model = await AutoModelForCausalLM.from_pretrained(folder, {
  dtype: "fp32",
  device: "cpu",
  use_external_data_format: true,
});
const { num_hidden_layers: layers, num_attention_heads: heads, hidden_size: width } = model.config;
let cache = {};
let length = 0;

function cacheOfZeros() {
  const channels = width / heads;
  const half = () => new Tensor("float32", new Float32Array(width * length), [1, heads, length, channels]);
  const names = Array.from({ length: layers }, (_, layer) =>
    ["key", "value"].map((kind) => `past_key_values.${layer}.${kind}`),
  );
  return Object.fromEntries(names.flat().map((name) => [name, half()]));
}

async function step(token) {
  length++;
  const results = await model({
    input_ids: new Tensor("int64", BigInt64Array.of(BigInt(token)), [1, 1]),
    attention_mask: new Tensor("int64", new BigInt64Array(length).fill(1n), [1, length]),
    past_key_values: cache,
  });
  const present = Object.entries(results).filter(([name]) => name.startsWith("present"));
  cache = Object.fromEntries(present.map(([name, value]) => [name.replace("present", "past_key_values"), value]));
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, count] = line.split(" ");
  if (command === "quit") break;
  const seconds = [];
  if (command === "begin") {
    length = Number(count);
    cache = cacheOfZeros();
  }
  for (let index = 0; command === "decode" && index < Number(count); index++) {
    const startedAt = performance.now();
    await step(index);
    seconds.push((performance.now() - startedAt) / 1000);
  }
  process.stdout.write(`${JSON.stringify(seconds)}\n`);
}
process.exit(0);
