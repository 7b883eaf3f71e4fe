/** Runs that are steered while they go, and checkpoints in memory. */

import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { loadCheckpoint, readMetrics, saveCheckpoint } from "../../src/checkpoint/index.ts";
import { type Checkpoint, checkpointFiles, parseCheckpoint } from "../../src/checkpoint/portable.ts";
import type { Config, TrainingEvent } from "../../src/configuration/index.ts";
import { Decoder, write } from "../../src/generation/index.ts";
import { defineGrowthStrategy } from "../../src/growth/index.ts";
import { modelSchema } from "../../src/model/index.ts";
import { optionsWithDefaults } from "../../src/options.ts";
import { openRun } from "../../src/training/index.ts";
import { Run } from "../../src/training/run.ts";
import { failure, useFolder } from "../formats/helpers.ts";
import { useDevice } from "../support/device.ts";
import { corpus, lossesOf, ofType, only, tinyConfig, tokenformerModel, told, transformerModel } from "./support.ts";

const device = useDevice("cpu", { threads: 1 });
const folder = useFolder();

const model = { ...tokenformerModel, dropout: 0.1 };
const plan = { add: { feedForward: 5, query: 2 }, rampSteps: 6, freeze: 3 };

defineGrowthStrategy({
  name: "mine:spoilt",
  options: optionsWithDefaults({}),
  preserves: false,
  config: (before) => before,
  parameters: ({ parameters }) =>
    new Map(
      [...parameters].map(([name, { shape, data }]) => [
        name,
        { shape, data: name === "embedding.tokens" ? data.map((value) => 1000 * value) : data },
      ]),
    ),
});

/** Another type of model, with the embeddings of the old one. */
defineGrowthStrategy({
  name: "mine:tokenised",
  options: optionsWithDefaults({}),
  preserves: false,
  config: () => modelSchema.parse({ ...tokenformerModel, heads: 3, width: 18 }),
  parameters: ({ parameters }) => new Map([...parameters].filter(([name]) => name === "embedding.tokens")),
});

const begun = async (config: Config) => Run.create({ config, corpus, device: device() });

const resumed = async (checkpoint: Checkpoint) => Run.resume(checkpoint, { corpus, device: device() });

/** The events of a run to its end, with something done after a step. */
async function eventsOf(run: Run, at = -1, action: (run: Run) => Promise<unknown> = async () => {}) {
  const events: TrainingEvent[] = [];
  for await (const event of run.events()) {
    events.push(event);
    if (event.type === "step" && event.step === at) await action(run);
  }
  await run.close();
  return events;
}

describe("growing between two events", () => {
  it("is the growth of a plan for that step", async () => {
    const later = { step: 9, add: { value: 3 } };
    const planned = await eventsOf(await begun(tinyConfig({}, { growth: [{ step: 5, ...plan }, later] }, model)));
    const grown: TrainingEvent[] = [];
    let checkpoint: Checkpoint | undefined;
    const live = await eventsOf(await begun(tinyConfig({}, { growth: [later] }, model)), 5, async (run) => {
      grown.push(await run.grow(plan));
      checkpoint = await run.checkpoint();
    });
    expect(lossesOf(live)).toEqual(lossesOf(planned));
    const { seconds: _, ...event } = only(ofType(grown, "growth"));
    expect(ofType(planned, "growth")[0]).toMatchObject(event);
    expect(checkpoint?.config.growth).toMatchObject([{ step: 5, add: plan.add }, later]);
    expect(checkpoint?.progress.growthsDone).toBe(1);
  });

  it("is kept by a run that ends there, though its step was saved before", async () => {
    const out = folder.at("grown");
    const config = tinyConfig({ steps: 6, checkpointEvery: 2 }, {}, model);
    const run = await openRun({ config, data: corpus, out, device: device() });
    const abort = new AbortController();
    const events: TrainingEvent[] = [];
    for await (const event of run.events(abort.signal)) {
      events.push(event);
      if (event.step !== 4 || (event.type !== "checkpoint" && event.type !== "end")) continue;
      await run.grow(plan);
      abort.abort();
    }
    await run.close();
    expect(told(events)).toMatch(/step 4, checkpoint 4, checkpoint 4, end 4$/);
    const saved = await loadCheckpoint(out);
    expect(saved.state.config).toEqual(run.config.model);
    expect(saved.progress.growthsDone).toBe(3);
    expect((await readMetrics(`${out}/metrics.jsonl`)).filter((record) => "growth" in record)).toHaveLength(3);
  });

  it("is kept by its own loss, not by that of the model before", async () => {
    const out = folder.at("spoilt");
    const config = tinyConfig({ steps: 6, evaluateEvery: 2, checkpointEvery: 2 }, {}, model);
    const run = await openRun({ config, data: corpus, out, device: device() });
    const abort = new AbortController();
    const ending = async () => {
      for await (const event of run.events(abort.signal)) {
        if (event.type !== "checkpoint" || event.step !== 4 || event.best) continue;
        await run.grow({ init: "mine:spoilt" });
        abort.abort();
      }
    };
    await expect(ending()).rejects.toThrow(/^step 4: the validation loss is .*, where a uniform guess has/);
    await run.close();
    expect((await loadCheckpoint(out)).progress.growthsDone).toBe(0);
  });

  it("as a validation is told leaves no mark of the loss of the model before", async () => {
    const run = await openRun({
      config: tinyConfig({ steps: 4, evaluateEvery: 2 }, {}, model),
      data: corpus,
      out: folder.at("told"),
      device: device(),
    });
    const saved: number[] = [];
    for await (const event of run.events()) {
      if (event.type === "validation" && event.step === 2) await run.grow({ add: { query: "x2" }, init: "random" });
      if (event.type === "checkpoint" && event.best) saved.push(event.step);
    }
    await run.close();
    expect(saved).not.toContain(2);
    expect(run.progress.best?.step).not.toBe(2);
  });

  it("between growths of a configuration leaves one that resumes by that configuration", async () => {
    const query = { step: 3, add: { query: 2 } };
    const config = tinyConfig({}, { growth: [query, { step: 9, add: { value: 3 } }, { ...query, step: 10 }] }, model);
    let checkpoint: Checkpoint | undefined;
    const whole = await eventsOf(await begun(config), 5, async (run) => {
      await run.grow({ add: { query: 2 } });
      checkpoint = await run.checkpoint();
    });
    if (checkpoint === undefined) throw new Error("the run has no step 5");
    const run = await Run.resume(checkpoint, { config, corpus, device: device() });
    expect(run.config.growth.map(({ step }) => step)).toEqual([3, 5, 9, 10]);
    expect(lossesOf(await eventsOf(run))).toEqual(lossesOf(whole).slice(5));
  });

  it("by a strategy that makes another type of model can be planned, is kept, and goes on", async () => {
    const growth = [
      { step: 1, width: 18 },
      { step: 2, init: "mine:tokenised" as const },
      { step: 4, add: { query: 2 } },
    ];
    let files: Map<string, Uint8Array> | undefined;
    const whole = await eventsOf(
      await begun(tinyConfig({ steps: 5 }, { growth }, transformerModel)),
      3,
      async (run) => {
        files = await checkpointFiles(await run.checkpoint());
      },
    );
    expect(told(whole)).toMatch(/growth 1, step 2, growth 2, step 3, step 4, growth 4, step 5/);
    const rest = await eventsOf(await resumed(await parseCheckpoint(files ?? new Map())));
    expect(lossesOf(rest)).toEqual(lossesOf(whole).slice(3));
  });

  it("leaves the run as it was where a strategy cannot be, whatever it did to what it was given", async () => {
    const meddling = (name: `${string}:${string}`, changes: object) =>
      defineGrowthStrategy({
        name,
        options: optionsWithDefaults({}),
        preserves: false,
        config: (before) => Object.assign(before, changes),
        parameters: ({ before, parameters }) => {
          Object.assign(before, { context: 1 });
          return parameters;
        },
      });
    const longer = meddling("mine:longer", { context: 9 });
    const headless = meddling("mine:headless", { heads: 5 });
    const run = await begun(tinyConfig({ steps: 4 }, {}, model));
    const events = await eventsOf(run, 2, async () => {
      const before = structuredClone(run.config);
      expect(await failure(run.grow({ init: longer }))).toMatch(
        /UserError: growth plan: mine:longer: the grown model: context is 9, expected \d+ as before/,
      );
      expect(await failure(run.grow({ init: headless }))).toMatch(
        /UserError: growth plan: mine:headless: the grown model: heads: /,
      );
      expect(run.config).toEqual(before);
    });
    expect(told(events)).toMatch(/end 4$/);
    await run.close();
    await run.trainer.close();
    await expect(run.checkpoint()).rejects.toThrow("the run was closed; resume it from a checkpoint");
  });

  it("is over with a run that is closed while its end is looked at", async () => {
    const run = await Run.create({ config: tinyConfig({ steps: 2 }, {}, model), corpus, device: device() });
    const events: TrainingEvent[] = [];
    for await (const event of run.events()) {
      events.push(event);
      if (event.type === "end") await run.close();
    }
    expect(told(events)).toMatch(/step 2, .*end 2$/);
  });

  it("refuses what a configuration would, and the run goes on", async () => {
    const refusals: string[] = [];
    const events = await eventsOf(await begun(tinyConfig({ steps: 3 })), 2, async (run) => {
      refusals.push(await failure(run.grow({ width: 24 })), await failure(run.grow({ add: { query: -1 } })));
      refusals.push(await failure(run.grow({ add: { query: "x1" } })));
    });
    expect(refusals).toMatchInlineSnapshot(`
      [
        "UserError: a tokenformer keeps its width; it grows by parameter tokens, such as add: { feedForward: "x2" }",
        "UserError: growth: add: query: is -1, expected a number above 0",
        "UserError: growth plan: x1 at blocks.0.attention.query appends no tokens; growing cannot shrink, use x2 or more",
      ]
    `);
    expect(lossesOf(events)).toHaveLength(3);
    await expect((await begun(tinyConfig({ steps: 3 }))).grow({ add: {} })).rejects.toThrow();
  });

  it("is refused where training the grown model takes more memory than there is", async () => {
    const memory = { limit: 1e9, computes: true };
    const run = await Run.create({ config: tinyConfig({ steps: 3 }), corpus, device: device(), memory });
    const growing = run.grow({ add: { feedForward: "x1000000" } });
    await expect(growing).rejects.toThrow(/^growth at step 0: training takes at least .*, and there are 1 GB/);
    expect(run.config).toMatchObject({ growth: [] });
    await run.close();
  });

  it("is refused while the run is at work, as looking into it is", async () => {
    const run = await begun(tinyConfig({ steps: 2 }));
    const events = run.events();
    await events.next();
    const working = events.next();
    await expect(run.grow(plan)).rejects.toThrow("the run is at work");
    await expect(run.checkpoint()).rejects.toThrow("the run is at work");
    // Amid an update, some of the weights would be of one step and some of another.
    await expect(run.state()).rejects.toThrow("the run is at work");
    await expect(run.nextLogits(Int32Array.of(1))).rejects.toThrow("the run is at work");
    await working;
    await expect(run.checkpoint()).resolves.toMatchObject({ state: { step: 0 } });
    await expect(run.state()).resolves.toMatchObject({ step: 0 });
    await run.close();
  });
});

it("is written with as it is, by one decoder that stays open while it trains and grows", async () => {
  const run = await begun(tinyConfig({}, { growth: [{ step: 4, ...plan }] }, model));
  const decoder = await Decoder.open(run.trainer.inference, { context: run.context, freeze: false });
  const written: string[] = [];
  const texts: string[] = [];
  await eventsOf(run, 8, async () => {
    const fresh = await Decoder.open(run.trainer.inference, { context: run.context, freeze: false });
    for (const [from, to] of [[decoder, written] as const, [fresh, texts] as const]) {
      for await (const { text, score } of write(from, run.corpus.tokenizer, { ...options, scores: 1 })) {
        to.push(`${text} ${score?.logProbability}`);
      }
    }
    await fresh.release();
    await decoder.release();
  });
  expect(written).toHaveLength(10);
  expect(written).toEqual(texts);
});

const options = { prompt: "the c", tokens: 9, temperature: 0 };

describe("a checkpoint in memory", () => {
  it("goes on bit for bit, also after the run that it is of, and by way of its files", async () => {
    let [before, after]: (Checkpoint | undefined)[] = [];
    const whole = await eventsOf(await begun(tinyConfig({ evaluateEvery: 4 }, {}, model)), 5, async (run) => {
      before = await run.checkpoint();
      await run.grow(plan);
      after = await run.checkpoint();
    });
    if (before === undefined || after === undefined) throw new Error("the run has no step 5");
    const losses = lossesOf(whole).slice(5);
    expect(lossesOf(await eventsOf(await resumed(after)))).toEqual(losses);
    expect(lossesOf(await eventsOf(await resumed(await parseCheckpoint(await checkpointFiles(after)))))).toEqual(
      losses,
    );
    const undone = await eventsOf(await resumed(before), 5);
    expect(ofType(undone, "growth")).toEqual([]);
    expect(lossesOf(undone)[0]).toBeCloseTo(losses[0] ?? 0, 4);
    expect(told(undone)).toBe(
      "start 5, step 6, step 7, step 8, validation 8, step 9, step 10, step 11, step 12, validation 12, end 12",
    );
  });

  it("is the one that a folder holds", async () => {
    const run = await begun(tinyConfig({ steps: 6 }, {}, model));
    let made: Checkpoint | undefined;
    await eventsOf(run, 4, async () => {
      await run.grow(plan);
      made = await run.checkpoint();
    });
    if (made === undefined) throw new Error("the run has no step 4");
    await saveCheckpoint(folder.at("run"), made);
    const files = await checkpointFiles(made);
    expect(new Set(files.keys())).toEqual(
      new Set(["config.json", "model.safetensors", "optimizer.safetensors", "tokenizer.json", "training.json"]),
    );
    for (const [name, bytes] of files) expect([...(await readFile(folder.at(`run/${name}`)))]).toEqual([...bytes]);
    const { tokenizer: _, ...parsed } = await parseCheckpoint(files);
    const { tokenizer: __, ...loaded } = await loadCheckpoint(folder.at("run"));
    expect(parsed).toEqual(loaded);
    const config = { ...made.config, training: tinyConfig().training };
    const other = await Run.from(made, { corpus, config, device: device() });
    expect(other.progress).toMatchObject({ start: 4, growthsDone: 1 });
    await other.close();
  });

  it("tells what is missing or damaged by the name of the file", async () => {
    const run = await begun(tinyConfig({ steps: 1 }, {}, { ...tokenformerModel, layers: 2 }));
    const files = await checkpointFiles(await run.checkpoint());
    await run.close();
    const without = (name: string) => new Map([...files].filter(([other]) => other !== name));
    const changed = (name: string, change: (bytes: Uint8Array) => Uint8Array) =>
      new Map([...files].map(([other, bytes]) => [other, other === name ? change(bytes) : bytes]));
    const weights = "model.safetensors";
    const faults = [
      without("config.json"),
      without(weights),
      changed("training.json", () => new TextEncoder().encode("{")),
      changed(weights, (bytes) => bytes.subarray(0, bytes.length - 4)),
    ];
    expect(await Promise.all(faults.map((fault) => failure(parseCheckpoint(fault))))).toMatchInlineSnapshot(`
      [
        "UserError: cannot read config.json: there is no such file; check the path",
        "UserError: cannot read model.safetensors: there is no such file; check the path",
        "UserError: training.json:1:2: this is not JSON; correct the file or write it again",
        "UserError: model.safetensors: tensor "finalNorm.scale": expected data up to byte 6768, found 6764 bytes in all; the file is damaged or no safetensors file: copy or write it again",
      ]
    `);
    expect((await parseCheckpoint(without("optimizer.safetensors"))).state.moments).toBeUndefined();
  });
});
