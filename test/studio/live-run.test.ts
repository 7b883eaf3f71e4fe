/** A run of the studio on a device of Node: what it writes with, and what is left of a failure. */

import { type Device, openDevice } from "tokenformer";
import { Run } from "tokenformer/browser";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { EngineEvent } from "../../studio/src/engine/api.ts";
import { EMPTY } from "../../studio/src/engine/history.ts";
import { LiveRun, type PlannedGrowthEvent } from "../../studio/src/engine/live-run.ts";
import { faults } from "../support/faults.ts";
import { corpus, tinyConfig, tokenformerModel, transformerModel } from "../training/support.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("cpu", { threads: 1 });
});
afterAll(() => device.close());

const writing = { prompt: "the c", length: 9, temperature: 0, topK: 0, topP: 1 };

async function opened(model: Parameters<typeof tinyConfig>[2], training: Parameters<typeof tinyConfig>[0] = {}) {
  const run = await Run.create({ config: tinyConfig(training, {}, model), corpus, device });
  const told: (EngineEvent | PlannedGrowthEvent)[] = [];
  const live = new LiveRun("a", run, EMPTY, (event) => told.push(event));
  const written = async () => {
    let text = "";
    await live.write(writing, (piece) => {
      text += piece;
    });
    return text;
  };
  const until = async (step: number) => {
    while (live.step < step) await live.advance();
  };
  return { run, live, told, written, until };
}

it("writes with the model that it has, also after it grew to another, and frees all", async () => {
  const before = faults.held();
  const { run, live, written, until } = await opened(transformerModel);
  await until(2);
  expect(await written()).toHaveLength(9);
  await run.nextLogits(Int32Array.of(1));
  const held = faults.held();
  await run.grow({ width: 18 });
  expect(await written()).toHaveLength(9);
  expect(await written()).toHaveLength(9);
  expect(faults.held().programs).toBe(held.programs);
  await live.close();
  expect(faults.held()).toEqual(before);
});

it("goes on after a failure: of a decoder, and of an update", async () => {
  const { live, written, until } = await opened({ ...tokenformerModel, layers: 1 });
  await until(1);
  faults.fail(1);
  await expect(written()).rejects.toThrow("injected");
  faults.mend();
  const text = await written();
  faults.fail(1);
  await expect(live.advance()).rejects.toThrow("injected");
  faults.mend();
  expect(live.step).toBe(1);
  expect(await written()).toBe(text);
  await until(3);
  await live.close();
});

it("is not kept where it has diverged", async () => {
  const training = { learningRate: 1e3, warmup: 0, schedule: "constant", clip: 0 } as const;
  const { live, until } = await opened({ ...tokenformerModel, layers: 1 }, training);
  expect((await live.state()).checkpoint.state.step).toBe(0);
  await until(3);
  await expect(live.state()).rejects.toThrow(/^step 3: the loss on the next batch is .*, where a uniform guess has/);
  await live.close();
});
