import { describe, expect, it } from "vitest";
import { loadCheckpoint, readMetrics } from "../../src/checkpoint/index.ts";
import type { TrainingEvent } from "../../src/configuration/index.ts";
import { UserError } from "../../src/errors.ts";
import { openRun, type Run, train } from "../../src/training/index.ts";
import { DivergenceError } from "../../src/training/portable.ts";
import { useFolder } from "../formats/helpers.ts";
import { useDevice } from "../support/device.ts";
import { corpus, lossesOf, ofType, only, tinyConfig, told, trained } from "./support.ts";

const device = useDevice();
const folder = useFolder();

/** A rate that leaves float32 at the first update. */
const HUGE = { learningRate: 1e38, warmup: 0, schedule: "constant", clip: 0 } as const;

/** The events of a run up to its error, and the error's message. */
async function diverged(training: Parameters<typeof tinyConfig>[0], out?: string) {
  const events: TrainingEvent[] = [];
  const config = tinyConfig({ ...HUGE, ...training });
  try {
    const options = { config, data: corpus, device: device(), ...(out !== undefined && { out }) };
    for await (const event of train(options)) events.push(event);
  } catch (error) {
    if (error instanceof UserError) return { events, message: error.message.replaceAll(folder.at(), "<folder>") };
    throw error;
  }
  throw new Error("it did not diverge");
}

async function collected(run: Run): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  for await (const event of run.events()) events.push(event);
  return events;
}

const number = "(?:NaN|-?Infinity|[-+.e0-9]+)";
const norms = `(?:[a-zA-Z0-9.]+ ${number}(?:, )?){3}`;

describe("a loss that is not finite", () => {
  it("stops training, and names the step, the loss and the norms", async () => {
    const { events, message } = await diverged({});
    expect(told(events)).toBe("start 0, validation 0, step 1");
    const [first, rest] = message.split(", training stops; ");
    expect(first).toMatch(new RegExp(`^step 2: the loss is ${number} and the gradient norm ${number}$`));
    expect(first).toMatch(/NaN|Infinity/);
    expect(rest).toMatch(
      new RegExp(
        `^largest parameter norms: ${norms}\\. Lower training\\.learningRate, or limit the gradients with training\\.clip\\.$`,
      ),
    );
  });

  it("leaves the metrics and the last checkpoint", async () => {
    const { events, message } = await diverged({ evaluateEvery: 2, checkpointEvery: 2 }, folder.at("run"));
    expect(told(events)).toBe("start 0, validation 0, step 1");
    expect(message).toContain(" The last checkpoint in <folder>/run is kept. Lower ");
    const { state, progress } = await loadCheckpoint(folder.at("run"));
    expect(state.step).toBe(0);
    expect(progress).toEqual({ start: 0, tokens: 0, flops: 0, seconds: 0, growthsDone: 0 });
    for (const { data } of state.parameters.values()) expect(data.every(Number.isFinite)).toBe(true);
    const records = await readMetrics(folder.at("run", "metrics.jsonl"));
    expect(records.map(({ step }) => step)).toEqual([0, 1]);
  });

  // The validation comes before any step that could tell, and NaN is not less than anything.
  it.each([{ evaluateEvery: 1, checkpointEvery: 1 }, { steps: 1 }])(
    "of a validation is no best one (%o)",
    async (training) => {
      const { events, message } = await diverged(training, folder.at("run"));
      expect(told(events)).toBe("start 0, validation 0, step 1, validation 1");
      expect(message).toMatch(
        new RegExp(`^step 1: the validation loss is ${number}, training stops; largest parameter norms: ${norms}\\.`),
      );
      expect((await loadCheckpoint(folder.at("run"))).state.step).toBe(0);
      await expect(loadCheckpoint(folder.at("run", "best"))).rejects.toThrow("there is no such file");
    },
  );

  it("that is finite, but far above a uniform guess and not falling, stops training, too", async () => {
    const { events, message } = await diverged({ learningRate: 10, steps: 70 });
    expect(message).toMatch(
      /^step \d+: the loss is [\d.]+, where a uniform guess has 2\.708, and it has not fallen for 20 updates, training stops; /,
    );
    expect(only(ofType(events, "validation")).step).toBe(0);
  });

  it("never takes the place of a good one, though the update before it was fine", async () => {
    const training = { learningRate: 1e3, steps: 6, checkpointEvery: 1, evaluateEvery: 4, keepBest: false };
    const { events, message } = await diverged(training, folder.at("run"));
    expect(ofType(events, "checkpoint")).toEqual([]);
    expect(message).toMatch(
      /^step 6: the validation loss is \d\.\d+e\+\d+, where a uniform guess has 2\.708, training stops; /,
    );
    expect(message).toContain(" The last checkpoint in <folder>/run is kept. Lower ");
    expect((await loadCheckpoint(folder.at("run"))).state.step).toBe(0);
  });

  it("that falls again is passed over: what was due is saved once it is lower", async () => {
    // As the rate falls the loss does, whatever the roundings.
    const training = { ...HUGE, learningRate: 4, schedule: "cosine", steps: 60, checkpointEvery: 5 } as const;
    const out = folder.at("run");
    const events = await trained({ config: tinyConfig(training), device: device(), out });
    const losses = lossesOf(events);
    const saved = ofType(events, "checkpoint").map(({ step }) => step);
    expect(losses[5]).toBeGreaterThan(40);
    expect(losses.at(-1)).toBeLessThan(4);
    expect(saved[0]).toBeGreaterThan(10);
    expect(saved.at(-1)).toBe(60);
    // The update after a checkpoint has its loss.
    for (const step of saved.filter((step) => step < 60)) expect(losses[step]).toBeLessThan(20);
  });

  it("leaves counts of one step, whether or not the last update was made", async () => {
    for (const [training, step] of [
      [{ ...HUGE }, 1],
      // Here the update is made before its loss is found too high.
      [{ ...HUGE, learningRate: 10, steps: 70, checkpointEvery: 1 }, undefined],
    ] as const) {
      const run = await openRun({ config: tinyConfig(training), data: corpus, device: device() });
      await expect(collected(run)).rejects.toThrow(DivergenceError);
      const { trainer, progress, context, config } = run;
      if (step !== undefined) expect(trainer.step).toBe(step);
      else expect(trainer.step).toBeGreaterThan(19);
      expect(progress.tokens).toBe(trainer.step * config.training.batch * context);
      await run.close();
    }
  });

  it("does not come of a rate that is only high", async () => {
    await expect(diverged({ learningRate: 1 })).rejects.toThrow("it did not diverge");
  });
});
