/** A run of the studio on a device of Node: what it writes with, and what is left of a failure. */

import { CharacterTokenizer, createCorpus, type Device, memoryTokens, openDevice } from "tokenformer";
import { Run } from "tokenformer/browser";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { EngineEvent } from "../../studio/src/engine/api.ts";
import { previewOf } from "../../studio/src/engine/growing.ts";
import { EMPTY } from "../../studio/src/engine/history.ts";
import { InspectedText } from "../../studio/src/engine/inspecting.ts";
import { LiveRun, type PlannedGrowthEvent } from "../../studio/src/engine/live-run.ts";
import { faults } from "../support/faults.ts";
import { corpus, text, tinyConfig, tokenformerModel, transformerModel } from "../training/support.ts";

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

it("shows the generations of a place together where they have norms of their own", async () => {
  const { run, live, until } = await opened({ ...tokenformerModel, layers: 2, tokenNorm: "generation" });
  await until(1);
  const request = { add: { query: 2, feedForward: 3 }, layers: [], init: "zero-key" as const };
  expect(previewOf(run.config, request).complaint).toBeUndefined();
  await live.grow(request, async () => {});
  const { trainer, config } = run;
  const { inference, lineage, step } = trainer;
  const model = config.model;
  const looked = await InspectedText.of({ inference, model, lineage, tokenizer: corpus.tokenizer, step }, "the");
  expect(looked.inspection.sites).toHaveLength(10);
  const path = "blocks.1.feedForward";
  const inspecting = { inference, model, lineage, tokenizer: corpus.tokenizer, step };
  const truncated = async (text: string) => (await InspectedText.of(inspecting, text)).inspection.truncated;
  // Its context holds seven.
  expect([looked.inspection.truncated, await truncated("the cat"), await truncated("the cat ")]).toEqual([
    false,
    false,
    true,
  ]);
  const { weights, born, parameterTokens } = looked.site(path);
  expect([weights.length, parameterTokens, [...born].filter((at) => at === 1)]).toEqual([3 * 14, 14, [1, 1, 1]]);
  const paths = [path, `${path}.generations.1`].map((own) => `${own}.weights`);
  const [first, second] = (await inference.records(trainedTokens("the"), [1, 3], paths)).values();
  expect([...weights.subarray(14, 28)]).toEqual([
    ...(first?.data.subarray(11, 22) ?? []),
    ...(second?.data.subarray(3, 6) ?? []),
  ]);
  await live.close();
});

const trainedTokens = (text: string) => Int32Array.from(corpus.tokenizer.encode(text));

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

it("has grown, as asked and as planned, though the use of the larger model could not be measured", async () => {
  const config = tinyConfig({}, { growth: [{ step: 2, add: { query: 2 }, init: "random" }] });
  const run = await Run.create({ config, corpus, device });
  const { grow, events } = run;
  run.grow = async (plan) => {
    const event = await Reflect.apply(grow, run, [plan]);
    faults.fail(1);
    return event;
  };
  run.events = async function* () {
    for await (const event of Reflect.apply(events, run, [])) {
      if (event.type === "growth") faults.fail(1);
      yield event;
    }
  };
  const told: string[] = [];
  const live = new LiveRun("a", run, EMPTY, ({ type }) => told.push(type));
  await live.grow({ add: { key: 5 }, init: "split" }, async () => {});
  expect(faults.mend()).toBe(true);
  while (live.step < 2) await live.advance();
  while (!told.includes("grown")) await live.advance();
  expect(faults.mend()).toBe(true);
  while (live.step < 3) await live.advance();
  const { growths } = live.facts().history;
  expect(growths.map(({ step, init }) => [step, init])).toEqual([
    [0, "split"],
    [2, "random"],
  ]);
  await live.close();
});

it("measures what was learned before by the bytes of its own text", async () => {
  const own = CharacterTokenizer.fromText(`${text}é€`);
  const mixed = createCorpus("cats", own, memoryTokens(own.encode(text)));
  const run = await Run.create({ config: tinyConfig({ evaluateEvery: 2 }), corpus: mixed, device });
  const before = { name: "signs", tokens: Uint32Array.from(own.encode("é€".repeat(30))) };
  const live = new LiveRun("a", run, EMPTY, () => {}, before);
  while (live.facts().history.validation.length === 0) await live.advance();
  const [point] = live.facts().history.validation;
  expect(point?.oldBitsPerByte).toBeCloseTo((point?.oldLoss ?? 0) / Math.LN2 / 2.5, 9);
  await live.close();
});

it("knows a validation also where what was learned before could not be measured then", async () => {
  const run = await Run.create({ config: tinyConfig({ evaluateEvery: 2 }), corpus, device });
  const { events } = run;
  run.events = async function* () {
    for await (const event of Reflect.apply(events, run, [])) {
      if (event.type === "validation" && event.step === 0) faults.fail(1);
      yield event;
    }
  };
  const told: (EngineEvent | PlannedGrowthEvent)[] = [];
  const before = { name: "cats", tokens: Uint32Array.from(corpus.tokenizer.encode(text)) };
  const live = new LiveRun("a", run, EMPTY, (event) => told.push(event), before);
  while (live.facts().history.validation.length === 0) await live.advance();
  expect(faults.mend()).toBe(true);
  while (live.facts().history.validation.length < 2) await live.advance();
  const points = live.facts().history.validation;
  expect(points.map(({ step, oldLoss }) => [step, oldLoss !== undefined])).toEqual([
    [0, false],
    [2, true],
  ]);
  expect(told.flatMap((event) => (event.type === "validation" ? [event.point] : []))).toEqual(points);
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
