/** A tiny run, the same in Node and in a browser. */

import { CharacterTokenizer, createCorpus, memoryTokens, parseConfig, type Run } from "../../src/browser.ts";

/** What sets one run apart from another. */
export interface Training {
  readonly device: "cpu" | "webgpu";
  readonly threads?: number;
  readonly dropout: number;
  readonly layers: number;
  readonly steps: number;
  readonly wasmPaths?: string;
}

const text = Array.from(
  { length: 160 },
  (_, i) => `the ${["cat", "dog", "cow"][i % 3]} sat on the ${["mat", "log"][i % 2]}. `,
).join("");

/** The configuration of a tiny run, for Node as well. Sizes are different primes where they can be; it grows at its middle. */
export function tinyRun({ dropout, layers, steps }: Omit<Training, "device">) {
  const tokens = { query: 5, key: 5, value: 5, projection: 5, feedForward: 11 };
  const tokenizer = CharacterTokenizer.fromText(text);
  return {
    config: parseConfig({
      model: {
        type: "tokenformer",
        context: 7,
        layers,
        heads: 2,
        width: 12,
        tied: true,
        rotaryFraction: 0.5,
        dropout,
        tokens,
      },
      training: { steps, batch: 5, learningRate: 1e-2, warmup: 3, evaluateEvery: 0, evaluationTokens: 70 },
      growth: [{ step: steps / 2, add: { query: 3, feedForward: 4 } }],
    }),
    corpus: createCorpus("cats", tokenizer, memoryTokens(tokenizer.encode(text))),
  };
}

/** The losses from here on. */
export async function lossesOf(run: Run, after: (run: Run, step: number) => Promise<void> = async () => {}) {
  const losses: number[] = [];
  for await (const event of run.events()) {
    if (event.type !== "step") continue;
    losses.push(event.loss);
    await after(run, event.step);
  }
  return losses;
}
