/**
 * A model and growth strategies of one's own at work: trains, grows twice on the way, is kept, goes on from there, writes, and is exported.
 *
 *     npm run example -- own --steps 300
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  exportOnnx,
  generate,
  loadCheckpoint,
  openRun,
  openSequences,
  parseConfig,
  type TrainingEvent,
} from "tokenformer";
// What they define is known from here on by its name.
import "./own-model.js";
import "./own-strategy.js";

const steps = Number(process.argv[process.argv.indexOf("--steps") + 1]) || 300;
const folder = await mkdtemp(join(tmpdir(), "tokenformer-own-"));
const out = join(folder, "run");

const config = parseConfig({
  model: { type: "mine:averages", context: 32, width: 48, layers: 2, tokens: 96 },
  training: { steps, batch: 16, evaluateEvery: 100, evaluationTokens: 4096, learningRate: 3e-3, warmup: 10 },
  growth: [
    { step: Math.ceil(steps / 3), add: { mixer: "x2" }, init: "mine:near-copies", options: { noise: 0.1 } },
    { step: Math.ceil(steps / 2), init: "mine:deeper", options: { blocks: 1 } },
  ],
});

function tell(event: TrainingEvent): void {
  if (event.type === "validation") console.log(`step ${event.step}: val loss ${event.validationLoss.toFixed(4)}`);
  if (event.type === "growth") {
    const { step, init, summary, parametersBefore, parametersAfter, maxLogitDifference } = event;
    console.log(`step ${step}: grown by ${init}: ${summary}, ${parametersBefore} → ${parametersAfter} parameters`);
    console.log(`  largest change of a logit ${maxLogitDifference.toExponential(1)}`);
  }
}

// Trains, and keeps checkpoints.
const first = await openRun({ config, data: "Moby-Dick", out });
for await (const event of first.events()) tell(event);
await first.close();

// Goes on from what was kept, for a few steps more: with its weights, the state of its optimiser and the growth it has had.
const { config: kept } = await loadCheckpoint(out);
const more = parseConfig({ ...kept, training: { ...kept.training, steps: steps + 5 } });
const run = await openRun({ config: more, data: "Moby-Dick", out, resume: true });
for await (const event of run.events()) tell(event);

// Writes. The model has no keys and values to cache, so each token takes a pass of the whole window.
const sequences = await openSequences(run.trainer.inference, run.config.model);
for await (const piece of generate(sequences, run.corpus.tokenizer, { prompt: "The ", tokens: 60 })) {
  process.stdout.write(piece);
}
console.log();
await sequences.release();
await run.close();
// Other programs read it as ONNX.
await exportOnnx({ from: out, to: join(folder, "exported") });
await rm(folder, { recursive: true });
