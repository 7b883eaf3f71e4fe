/** A new run that starts from the checkpoint of another. */

import { describe, expect, it } from "vitest";
import { loadCheckpoint, readMetrics } from "../../src/checkpoint/index.ts";
import type { Config, TrainingEvent } from "../../src/configuration/index.ts";
import { openRun, Run, type TrainOptions } from "../../src/training/index.ts";
import { failure, useFolder } from "../formats/helpers.ts";
import { useDevice } from "../support/device.ts";
import { corpus, lossesOf, measured, ofType, tinyConfig, tokenformerModel, told, trained } from "./support.ts";

const device = useDevice();
const folder = useFolder();

type Given = Parameters<typeof tinyConfig>;

/** A constant rate, so that a run of more steps makes the same first ones. */
const constant = (steps: number, others: Given[1] = {}) =>
  tinyConfig({ steps, schedule: "constant", warmup: 0 }, others);

const start = async (options: Omit<TrainOptions, "data">) => trained({ ...options, device: device() });

/** A run that has ended, in a folder. */
async function first(config: Config): Promise<string> {
  await start({ config, out: folder.at("first") });
  return folder.at("first");
}

const steps = (events: readonly TrainingEvent[]) => ofType(events, "step").map(measured);

/** The configuration for going on from a run: its model, and what is given. */
async function following(from: string, training: Given[0], others: Given[1] = {}): Promise<Config> {
  const { config } = await loadCheckpoint(from);
  return { ...tinyConfig({ schedule: "constant", warmup: 0, ...training }, others), model: config.model };
}

describe("a run from another", () => {
  it("makes the steps that the other would have made, and leaves the other as it is", async () => {
    const whole = await start({ config: constant(12) });
    const from = await first(constant(5));
    const config = await following(from, { steps: 12 });
    const rest = await start({ config, from, out: folder.at("second") });
    expect(told(rest)).toMatch(/^start 5, validation 5, checkpoint 5, step 6, .*step 12, validation 12, .*end 12$/);
    expect(steps(rest)).toEqual(steps(whole).slice(5));
    expect(ofType(rest, "step")[0]).toMatchObject({ tokens: 6 * 35, flops: ofType(whole, "step")[5]?.flops });
    expect((await loadCheckpoint(from)).state.step).toBe(5);
    const records = await readMetrics(folder.at("second", "metrics.jsonl"));
    expect(records.map(({ step }) => step)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 12]);
    expect((await loadCheckpoint(folder.at("second"))).progress).toMatchObject({ start: 5, tokens: 12 * 35 });
  });

  it("takes a checkpoint that is open, and trains by a configuration of its own", async () => {
    const from = await first(constant(5));
    const config = await following(from, { steps: 7, learningRate: 0.003, batch: 3 });
    const rest = await start({ config, from: await loadCheckpoint(from) });
    expect(steps(rest)).toMatchObject([
      { step: 6, learningRate: 0.003 },
      { step: 7, learningRate: 0.003 },
    ]);
    expect(ofType(rest, "step").at(-1)?.tokens).toBe(5 * 35 + 2 * 21);
  });

  it("keeps the growth that has been, and grows on", async () => {
    const from = await first(
      constant(5, { growth: [{ step: 3, add: { query: 2 }, restart: true, learningRate: 0.02 }] }),
    );
    const config = await following(from, { steps: 8 }, { growth: [{ step: 5, add: { query: 3 } }] });
    const rest = await start({ config, from, out: folder.at("second") });
    expect(told(rest)).toContain("validation 5, checkpoint 5, growth 5, step 6");
    expect(steps(rest).map(({ learningRate }) => learningRate)).toEqual([0.02, 0.02, 0.02]);
    const { state, progress, config: saved } = await loadCheckpoint(folder.at("second"));
    expect(state.lineage.get("blocks.0.attention.query")).toMatchObject([{ tokens: 5 }, { born: 3 }, { born: 5 }]);
    expect(progress.growthsDone).toBe(2);
    expect(saved.growth).toMatchObject([{ step: 3, restart: true }, { step: 5 }]);
  });

  it("may have another dropout, but no other model", async () => {
    const from = await first(constant(2));
    const { model, ...others } = await following(from, { steps: 3 });
    const dropping = { ...others, model: { ...model, dropout: 0.5 } };
    const [dropped, plain] = [
      await start({ config: dropping, from }),
      await start({ config: { ...others, model }, from }),
    ];
    expect(lossesOf(dropped)).not.toEqual(lossesOf(plain));
    const message = await failure(
      start({ config: { ...others, model: { ...model, width: 24 } as typeof model }, from }),
    );
    expect(message.replaceAll(folder.at(), "<folder>")).toMatchInlineSnapshot(
      `"UserError: <folder>/first: its model.width is 12, not 24; going on from there keeps its model: leave the model out, or give that of its config.json"`,
    );
  });

  it("is resumed where it stopped, and starts where there is nothing to resume", async () => {
    const from = await first(constant(5));
    const config = { ...(await following(from, { steps: 9, evaluateEvery: 2 })), growth: [] };
    const whole = folder.at("whole");
    await start({ config, from, out: whole });
    for (const [index, stop] of (["start", "validation", "step"] as const).entries()) {
      const out = folder.at(`stopped ${index}`);
      const run = await openRun({ config, data: corpus, from, out, device: device() });
      for await (const { type } of run.events()) if (type === stop) break;
      await run.close();
      await start({ config, from, out, resume: true });
      const found = await readMetrics(`${out}/metrics.jsonl`);
      const expected = await readMetrics(`${whole}/metrics.jsonl`);
      const untimed = (record: Record<string, unknown>) => [record["step"], record["loss"], record["validationLoss"]];
      expect(found.map(untimed), stop).toEqual(expected.map(untimed));
    }
    const fresh = folder.at("fresh");
    expect(told(await start({ config, from, out: fresh, resume: true }))).toMatch(/^start 5/);
  });

  it("has steps left to make, and growth to come", async () => {
    const from = await first(constant(5));
    const message = async (config: Config) =>
      (await failure(start({ config, from }))).replaceAll(folder.at(), "<folder>");
    expect(await message(await following(from, { steps: 5 }))).toMatchInlineSnapshot(
      `"UserError: <folder>/first: is at step 5, and training ends after 5 steps, counted from the beginning of the first run; raise training.steps, or restart from step 0"`,
    );
    const past = await following(from, { steps: 8 }, { growth: [{ step: 4, add: { query: 2 } }] });
    expect(await message(past)).toMatchInlineSnapshot(
      `"UserError: growth at step 4: the run is at step 5 already; grow at that step or later"`,
    );
  });
});

describe("a run that restarts from another", () => {
  it("has its weights alone", async () => {
    const growth = [{ step: 3, add: { feedForward: 5 }, rampSteps: 8, freeze: 20, rewarm: 9 }];
    const from = await first(constant(5, { growth }));
    const config = await following(from, { steps: 2, warmup: 1 });
    const rest = await start({ config, from, restart: true, out: folder.at("second") });
    expect(told(rest)).toBe("start 0, validation 0, step 1, step 2, validation 2, checkpoint 2, checkpoint 2, end 2");
    expect(steps(rest).map(({ learningRate }) => learningRate)).toEqual([0.005, 0.01]);
    const { state, progress, config: saved } = await loadCheckpoint(folder.at("second"));
    expect(state.lineage.get("blocks.0.feedForward")).toEqual([
      { tokens: 11, init: "initial", born: 0, updates: 2, frozenUntil: 0 },
      { tokens: 5, init: "zero-key", born: 0, updates: 2, frozenUntil: 0 },
    ]);
    expect(state).toMatchObject({ step: 2, updates: 2, rewarm: undefined });
    // The ramp of 8 steps had made 2 before the restart.
    expect(state.ramps[0]).toMatchObject({ start: 0, steps: 6, to: 4 });
    const { from: tau = Number.NaN } = state.ramps[0] ?? {};
    expect(tau).toBeCloseTo(Math.sqrt(11) + (4 - Math.sqrt(11)) / 4, 12);
    expect(progress).toMatchObject({ start: 0, tokens: 70, growthsDone: 0 });
    expect(saved.growth).toEqual([]);
  });

  it("does not grow again as the other did, by its own configuration", async () => {
    const growth = [
      { step: 3, add: { feedForward: 5 } },
      { step: 4, add: { value: 2 } },
    ];
    const from = await first(constant(5, { growth }));
    const checkpoint = await loadCheckpoint(from);
    const run = await Run.from(checkpoint, { restart: true, corpus, device: device() });
    expect(run.config.growth).toEqual([]);
    const events: TrainingEvent[] = [];
    for await (const event of run.events()) events.push(event);
    await run.close();
    expect(told(events)).toBe("start 0, validation 0, step 1, step 2, step 3, step 4, step 5, validation 5, end 5");
    const [applied] = checkpoint.config.growth;
    if (applied === undefined) throw new Error("the first run has no growth");
    const message = await failure(start({ config: checkpoint.config, from, restart: true }));
    expect(message.replaceAll(folder.at(), "<folder>")).toMatchInlineSnapshot(
      `"UserError: <folder>/first: has grown by the plan of step 3 already, and a restart keeps its model; leave that plan out, or grow so once more at another step"`,
    );
    const config = { ...checkpoint.config, growth: [{ ...applied, step: 1 }] };
    const again = await start({ config, from, restart: true, out: folder.at("second") });
    expect(ofType(again, "growth").map(({ step }) => step)).toEqual([1]);
    expect((await loadCheckpoint(folder.at("second"))).config.growth).toEqual(config.growth);
  });

  it("begins at the loss at which the other ended, and its first update is that of a fresh optimiser", async () => {
    const from = await first(constant(9));
    const config = await following(from, { steps: 1 });
    const [again, other] = [await start({ config, from, restart: true }), await loadCheckpoint(from)];
    const begun = ofType(again, "validation")[0]?.validationLoss;
    expect(begun).toBe(other.progress.best?.validationLoss);
    const bare = { ...other, state: { ...other.state, step: 0, moments: undefined, updates: 0 } };
    const lineage = new Map(
      [...other.state.lineage].map(([path, found]) => [path, found.map((g) => ({ ...g, updates: 0 }))]),
    );
    const made = await start({ config, from: { ...bare, state: { ...bare.state, lineage } } });
    expect(steps(again)).toEqual(steps(made));
    const { validationLoss } = ofType(again, "validation")[1] ?? {};
    expect(validationLoss).toBe(ofType(made, "validation")[1]?.validationLoss);
  });

  it("learns on from where it is", async () => {
    const from = await first(tinyConfig({ steps: 60 }, {}, tokenformerModel));
    const config = { ...(await following(from, { steps: 1 })), growth: [] };
    const fresh = lossesOf(await start({ config: tinyConfig({ steps: 1 }) }))[0] ?? 0;
    const [restarted = fresh] = lossesOf(await start({ config, from, restart: true }));
    expect(restarted).toBeLessThan(0.8 * fresh);
  });
});
