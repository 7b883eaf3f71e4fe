/**
 * Writing token by token with a key–value cache, at the size of the preset 150m with random weights: tokens per second at a short
 * and at a long context, beside the read bandwidth of the machine (all weights and the cache are read for each token), the same
 * model in PyTorch, and the exported ONNX model in Transformers.js and in a plain loop of ONNX Runtime, which hand the whole cache
 * out and in again. Then the prompt pass beside the forward pass of training. Sides take turns; medians over rounds.
 *
 *     npm run bench:decode -- [--python PYTHON] [--transformers-js] [--rounds 7] [--tokens 8] [--contexts 64,1920] [--only float32,int8] [--json FILE]
 */

import { rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { Decoder, forwardFlops, Inference, modelOf, openDevice } from "tokenformer";
import { givenOf } from "tokenformer/model";
import { uploadArrays } from "tokenformer/training";
import type { Side } from "./decoding-sides.ts";
import { machine, median } from "./measure.ts";
import { countOf, oneOf, parsedOptions } from "./options.ts";
import { type Bandwidth, openReadBandwidth } from "./read-bandwidth.ts";

const { values: options } = parsedOptions({
  options: {
    python: { type: "string" },
    "transformers-js": { type: "boolean", default: false },
    rounds: { type: "string", default: "7" },
    tokens: { type: "string", default: "8" },
    contexts: { type: "string", default: "64,1920" },
    prompt: { type: "string", default: "1024" },
    only: { type: "string" },
    json: { type: "string" },
  },
});

// Draws the weights of the model, which takes a while: after the options.
const {
  cacheBytes,
  drawn,
  folder,
  model,
  ours,
  plainLoop,
  pytorch,
  state,
  threads,
  transformersJs,
  VOCABULARY,
  weights,
} = await import("./decoding-sides.ts");

const makers: Readonly<Record<string, () => Promise<Side> | Side>> = {
  float32: () => ours("float32"),
  int8: () => ours("int8", "int8"),
  int4: () => ours("int4", "int4"),
  onnx: plainLoop,
  ...(options.python !== undefined && { pytorch: () => pytorch(options.python ?? "") }),
  ...(options["transformers-js"] && { "transformers-js": transformersJs }),
};
const names = Object.keys(makers);
const wanted = options.only?.split(",").map((name) => oneOf(names, name, "--only")) ?? names;
const contexts = options.contexts.split(",").map((context) => countOf(context, "--contexts"));
const [roundCount, tokensEach] = [countOf(options.rounds, "--rounds"), countOf(options.tokens, "--tokens")];
const promptLength = countOf(options.prompt, "--prompt");
const sides: Side[] = [];
for (const name of wanted) {
  const side = await makers[name]?.();
  if (side !== undefined) sides.push(side);
}
const bandwidth = await openReadBandwidth(threads);

interface Row {
  readonly context: number;
  readonly name: string;
  readonly medianMs: number;
  readonly minMs: number;
  readonly tokensPerSecond: number;
  readonly gigabytesPerSecond: number;
  /** By round: bytes read in a second, over the bandwidth measured around it. */
  readonly shareOfOneStream: { readonly median: number; readonly best: number };
  readonly shareOfTwoStreams: { readonly median: number; readonly best: number };
  /** The time of this side over that of the first, by round: the speed of the first beside it. */
  readonly speedOfFirst: number;
}

const rows: Row[] = [];
for (const context of contexts) {
  for (const side of sides) {
    await side.begin(context);
    await side.decode(2);
  }
  const rounds: { readonly measured: readonly Bandwidth[]; readonly seconds: readonly (readonly number[])[] }[] = [];
  for (let round = 0; round < roundCount; round++) {
    // The bandwidth of a shared machine changes from second to second: each side is set beside what was measured around it.
    const measured = [await bandwidth.measure()];
    const seconds: number[][] = [];
    for (const side of sides) {
      seconds.push(await side.decode(tokensEach));
      measured.push(await bandwidth.measure());
    }
    rounds.push({ measured, seconds });
  }
  for (const [index, { name, weightBytes }] of sides.entries()) {
    const all = rounds.flatMap(({ seconds }) => seconds[index] ?? []);
    const bytes = weightBytes + cacheBytes(context);
    const shares = (pick: (bandwidth: Bandwidth) => number) => {
      const all = rounds.map(({ measured, seconds }) => {
        const around = measured.slice(index, index + 2).map(pick);
        return (2 * bytes) / median(seconds[index] ?? []) / around.reduce((sum, rate) => sum + rate, 0);
      });
      return { median: median(all), best: Math.max(...all) };
    };
    rows.push({
      context,
      name,
      medianMs: 1000 * median(all),
      minMs: 1000 * Math.min(...all),
      tokensPerSecond: 1 / median(all),
      gigabytesPerSecond: bytes / median(all) / 1e9,
      shareOfOneStream: shares(({ oneStream }) => oneStream),
      shareOfTwoStreams: shares(({ twoStreams }) => twoStreams),
      speedOfFirst: median(rounds.map(({ seconds }) => median(seconds[index] ?? []) / median(seconds[0] ?? []))),
    });
  }
  const gigabytes = (pick: (bandwidth: Bandwidth) => number) => {
    const all = rounds.flatMap(({ measured }) => measured.map(pick));
    return `${(median(all) / 1e9).toFixed(1)} GB/s (most ${(Math.max(...all) / 1e9).toFixed(1)})`;
  };
  console.log(
    `context ${context}: read bandwidth with one stream a thread ${gigabytes(({ oneStream }) => oneStream)}, with two ${gigabytes(({ twoStreams }) => twoStreams)}`,
  );
}
for (const side of sides) await side.close();
await bandwidth.close();

/** Seconds of a prompt, and of the forward pass of training on as many tokens. */
async function prompts() {
  const time = promptLength;
  const device = await openDevice("cpu");
  const parameters = await uploadArrays(device, state.parameters);
  const inference = new Inference(device, modelOf(model), parameters, givenOf(model));
  const decoder = await Decoder.open(inference, { context: model.context });
  const [prompt, forward]: [number[], number[]] = [[], []];
  const batch = () => ({ tokens: drawn(time), targets: drawn(time), sequences: 1, context: time });
  for (let round = 0; round < 4; round++) {
    let startedAt = performance.now();
    const { slot } = await decoder.start(drawn(time));
    decoder.free(slot);
    if (round > 0) prompt.push((performance.now() - startedAt) / 1000);
    startedAt = performance.now();
    await inference.evaluate([batch()]);
    if (round > 0) forward.push((performance.now() - startedAt) / 1000);
  }
  await device.close();
  const flops = forwardFlops(model, time);
  return {
    tokens: time,
    promptTokensPerSecond: time / median(prompt),
    forwardTokensPerSecond: time / median(forward),
    forwardGigaflopsPerSecond: flops / median(forward) / 1e9,
    ratioByRound: prompt.map((seconds, round) => (forward[round] ?? Number.NaN) / seconds),
  };
}

const promptResult = await prompts();
rmSync(folder, { recursive: true, force: true });
const result = {
  date: new Date().toISOString().slice(0, 10),
  machine,
  model: `tokenformer 150m, ${(weights / 1e6).toFixed(0)} M parameters, vocabulary ${VOCABULARY}, random weights`,
  rounds: roundCount,
  tokensEach,
  rows,
  prompt: promptResult,
};
console.log(`${result.model}; ${result.machine}; ${result.date}`);
console.log(
  "| context | | median ms | min ms | tokens/s | GB/s | of one stream | of two streams | time over ours |\n|---|---|---|---|---|---|---|---|---|",
);
for (const row of rows) {
  const share = ({ median, best }: Row["shareOfOneStream"]) =>
    `${(100 * median).toFixed(0)} % (best ${(100 * best).toFixed(0)} %)`;
  console.log(
    `| ${row.context} | ${row.name} | ${row.medianMs.toFixed(1)} | ${row.minMs.toFixed(1)} | ${row.tokensPerSecond.toFixed(1)} | ${row.gigabytesPerSecond.toFixed(1)} | ${share(row.shareOfOneStream)} | ${share(row.shareOfTwoStreams)} | ${row.speedOfFirst.toFixed(2)} |`,
  );
}
console.log(
  `a prompt of ${promptResult.tokens} tokens: ${promptResult.promptTokensPerSecond.toFixed(0)} tokens/s, training's forward pass ${promptResult.forwardTokensPerSecond.toFixed(0)}; ratio by round ${promptResult.ratioByRound.map((ratio) => ratio.toFixed(2)).join(", ")}`,
);
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(result, null, 2)}\n`);
