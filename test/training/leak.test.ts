import { expect, it } from "vitest";
import { openRun } from "../../src/training/index.ts";
import { useDevice } from "../support/device.ts";
import { corpus, tinyConfig, tokenformerModel } from "./support.ts";

const device = useDevice("cpu", { threads: 1 });
const MEGABYTE = 2 ** 20;

it("600 steps with micro-batches, a growth and validations hold no memory", async () => {
  // 74,000 parameters and two passes a step: 350 MB of gradients in 600 steps if they were not freed.
  const tokens = { query: 64, key: 64, value: 64, projection: 64, feedForward: 128 };
  const model = { ...tokenformerModel, layers: 2, width: 48, dropout: 0.1, tokens };
  const training = { steps: 700, microBatch: 3, evaluateEvery: 50 };
  const config = tinyConfig(training, { growth: [{ step: 300, add: { feedForward: "x2" } }] }, model);
  const run = await openRun({ config, data: corpus, device: device() });
  const resident = new Map<number, number>();
  for await (const { type, step } of run.events()) {
    if (type === "step" && step % 100 === 0) resident.set(step, process.memoryUsage.rss() / MEGABYTE);
  }
  await run.close();
  const figures = [...resident].map(([step, megabytes]) => `${megabytes.toFixed(0)} MB after ${step}`);
  console.info(`resident memory: ${figures.join(", ")}`);
  expect((resident.get(700) ?? Number.NaN) - (resident.get(100) ?? 0)).toBeLessThan(100);
});
