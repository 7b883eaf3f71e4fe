/** What both programs share: files, one-hot rows, and turns. */

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";

/** The configuration of a model, its weights and its batches: `node PROGRAM CONFIG.json WEIGHTS.safetensors BATCHES.safetensors`. */
export async function readWork() {
  const [config, weights, batches] = process.argv.slice(2);
  return {
    config: JSON.parse(await readFile(config, "utf8")),
    weights: await readSafetensors(weights),
    batches: await readSafetensors(batches),
  };
}

/** F32 and I32 tensors by name: shape and data. */
async function readSafetensors(path) {
  const file = await readFile(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, start));
  const entries = Object.entries(header).filter(([name]) => name !== "__metadata__");
  return Object.fromEntries(
    entries.map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => {
        const bytes = new Uint8Array(file.subarray(start + from, start + to)); // a copy, so that it is aligned
        return [name, { shape, data: dtype === "F32" ? new Float32Array(bytes.buffer) : new Int32Array(bytes.buffer) }];
      },
    ),
  );
}

/** The tokens and targets of a batch as one-hot rows [N, V]. */
export function oneHotBatch({ tokens, targets }, index, vocabulary) {
  const [count, batch, context] = tokens.shape;
  const rows = batch * context;
  const from = (index % count) * rows;
  const oneHot = ({ data }) => {
    const matrix = new Float32Array(rows * vocabulary);
    for (let row = 0; row < rows; row++) matrix[row * vocabulary + data[from + row]] = 1;
    return matrix;
  };
  return { tokens: oneHot(tokens), targets: oneHot(targets), shape: [rows, vocabulary] };
}

/** Answers `step K` and `memory` until `quit`. `step` makes one update and gives the loss before it. */
export async function serve(step) {
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, count] = line.split(" ");
    if (command === "quit") break;
    const answer =
      command === "memory" ? { peakBytes: process.resourceUsage().maxRSS * 1024 } : await timed(step, Number(count));
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
}

async function timed(step, count) {
  const result = { seconds: [], losses: [] };
  for (let index = 0; index < count; index++) {
    const { prepare, run } = step();
    const given = prepare();
    const startedAt = performance.now();
    const loss = await run(given);
    result.seconds.push((performance.now() - startedAt) / 1000);
    result.losses.push(loss);
  }
  return result;
}
