/**
 * Fine-tunes a run on another text: from its weights and tokenizer, with an optimiser and a schedule that begin anew.
 *
 *     npm run example -- fine-tune --run runs/book --data letters.txt --out runs/letters
 *
 * Without a run, a small one is trained first, and tuned on questions and answers.
 */

import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type DataSource, generate, openRun, openSequences, parseConfig } from "tokenformer";
import { loadConfig } from "tokenformer/training";

const { values } = parseArgs({
  options: {
    run: { type: "string" },
    data: { type: "string" },
    out: { type: "string" },
    steps: { type: "string", default: "200" },
  },
});
const steps = Number(values.steps);
const folder = await mkdtemp(join(tmpdir(), "tokenformer-tuned-"));

/** A small model of Moby-Dick, for where no run is named. */
async function trainedBase(): Promise<string> {
  const out = join(folder, "base");
  const tokens = { query: 32, key: 32, value: 32, projection: 32, feedForward: 128 };
  const config = parseConfig({
    model: {
      type: "tokenformer",
      parametrisation: "balanced",
      context: 32,
      layers: 2,
      heads: 2,
      width: 32,
      tokens,
      tied: true,
    },
    training: { steps, warmup: 10, evaluateEvery: 0, evaluationTokens: 4096 },
  });
  const run = await openRun({ config, data: "Moby-Dick", out });
  for await (const event of run.events()) {
    if (event.type === "validation")
      console.log(`base, step ${event.step}: val loss ${event.validationLoss.toFixed(4)}`);
  }
  await run.close();
  return out;
}

/** Questions and answers that a small model can learn. */
async function questions(): Promise<string> {
  const file = join(folder, "questions.txt");
  const answers = { white: "the whale", deep: "the sea", old: "the captain", far: "the land" };
  const lines = Object.entries(answers).map(([what, who]) => `What is ${what}? It is ${who}.\n`);
  await writeFile(file, Array.from({ length: 200 }, (_, index) => lines[(index * 7) % lines.length]).join(""));
  return file;
}

const from = values.run ?? (await trainedBase());
const data: DataSource = values.data ?? (await questions());
const out = values.out ?? join(folder, "tuned");

// The model is that of the run, which cannot be another; what is told about training is new: a lower rate than from scratch.
const { model, tokenizer } = await loadConfig(from);
const config = parseConfig({
  model,
  tokenizer,
  training: { steps, learningRate: 5e-4, warmup: 10, evaluateEvery: 0, evaluationTokens: 4096 },
});
const run = await openRun({ config, data, from, restart: true, out });
for await (const event of run.events()) {
  if (event.type === "validation")
    console.log(`tuned, step ${event.step}: val loss ${event.validationLoss.toFixed(4)}`);
}

const sequences = await openSequences(run.trainer.inference, run.config.model);
const asked = { prompt: "What is white? ", tokens: 20, temperature: 0 };
let text = asked.prompt;
for await (const piece of generate(sequences, run.corpus.tokenizer, asked)) text += piece;
console.log(text.trimEnd());
await sequences.release();
await run.close();
console.log(`saved to ${out}`);
