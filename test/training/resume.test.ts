import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { loadCheckpoint, readMetrics } from "../../src/checkpoint/index.ts";
import type { MetricRecord } from "../../src/checkpoint/portable.ts";
import type { Config, TrainingEvent } from "../../src/configuration/index.ts";
import { Random } from "../../src/random.ts";
import { train } from "../../src/training/index.ts";
import { useFolder } from "../formats/helpers.ts";
import { useDevice } from "../support/device.ts";
import { NODE_FLAGS } from "../support/node-flags.ts";
import { ofType, only, tinyConfig, tokenformerModel, trained, transformerModel, writeText } from "./support.ts";

const folder = useFolder();
const device = useDevice("cpu", { threads: 1 });

/** Dropout, micro-batches, growth at the beginning and right after a checkpoint, with a ramp, frozen tokens and a new warm-up. */
function eventfulConfig(steps: number): Config {
  const growth = [
    { step: 0, add: { query: 2 }, rampSteps: 4 },
    { step: 9, add: { feedForward: 5 }, rampSteps: 7, freeze: 4, rewarm: 5 },
    { step: 9, add: { value: 3 }, init: "random" as const },
    { step: 14, add: { feedForward: "x2" }, init: "split" as const, optimizer: "keep" as const },
  ];
  const training = { steps, microBatch: 2, evaluateEvery: 4, checkpointEvery: 3 };
  return tinyConfig(training, { growth }, { ...tokenformerModel, dropout: 0.2 });
}

/** What the clock says. */
const CLOCK = ["seconds", "tokensPerSecond", "flopsPerSecond"];

/** A record without what the clock says. */
function timeless(record: MetricRecord): MetricRecord {
  return JSON.parse(JSON.stringify(record, (key, value) => (CLOCK.includes(key) ? undefined : value)));
}

/** What is left of a run: all it measured, and the bytes of its last weights and moments. */
async function traces(out: string) {
  const records = (await readMetrics(`${out}/metrics.jsonl`)).map(timeless);
  const weights = await readFile(`${out}/model.safetensors`, "base64");
  const moments = await readFile(`${out}/optimizer.safetensors`, "base64");
  const { lineage, ramps, rewarm, config } = (await loadCheckpoint(out)).state;
  return { records, weights, moments, lineage, ramps, rewarm, config };
}

const whole = new Map<number, ReturnType<typeof traces>>();

/** The traces of a run that nothing disturbed, made once for each number of steps. */
function uninterrupted(config: Config, data: string): ReturnType<typeof traces> {
  const { steps } = config.training;
  const made = whole.get(steps) ?? undisturbed(config, data);
  whole.set(steps, made);
  return made;
}

async function undisturbed(config: Config, data: string) {
  const out = folder.at("whole");
  await trained({ config, data, out, device: device() });
  return traces(out);
}

/** The first of the events that are awaited, and how many that leaves. */
type Place = readonly [type: TrainingEvent["type"], step: number];

/** Goes on with a run until an event, and then to its end, or until the next. */
async function untilPlaces(
  config: Config,
  { data, out }: { readonly data: string; readonly out: string },
  places: readonly Place[],
): Promise<void> {
  for (const [type, last] of places) {
    const seen: string[] = [];
    for await (const event of train({ config, data, out, resume: true, device: device() })) {
      seen.push(`${event.type} ${event.step}`);
      if (event.type === type && event.step === last) break;
    }
    expect(seen.at(-1), "the run comes there").toBe(`${type} ${last}`);
  }
  await trained({ config, data, out, resume: true, device: device() });
}

describe("a run that a signal stopped", () => {
  it("goes on bit for bit, time after time", async () => {
    const config = eventfulConfig(17);
    const data = await writeText(folder.at("cats.txt"));
    const expected = await uninterrupted(config, data);
    const out = folder.at("stopped");
    let before = 0;
    // In the first warm-up and ramp, just before growth, among frozen tokens, and after all growth.
    for (const last of [1, 9, 10, 15]) {
      const abort = new AbortController();
      const events: TrainingEvent[] = [];
      for await (const event of train({ config, data, out, resume: true, signal: abort.signal, device: device() })) {
        events.push(event);
        if (event.type === "step" && event.step === last) abort.abort();
      }
      expect(only(ofType(events, "start")).step).toBe(before);
      expect(ofType(events, "step")[0]?.step).toBe(before + 1);
      expect(only(ofType(events, "end"))).toMatchObject({ step: last, interrupted: true });
      expect((await loadCheckpoint(out)).state.step).toBe(last);
      before = last;
    }
    const rest = await trained({ config, data, out, resume: true, device: device() });
    expect(only(ofType(rest, "end"))).toMatchObject({ step: 17, interrupted: false });
    expect(await traces(out)).toEqual(expected);
  });

  it("before its first step is one that has not begun", async () => {
    const config = eventfulConfig(17);
    const data = await writeText(folder.at("cats.txt"));
    const expected = await uninterrupted(config, data);
    const out = folder.at("stopped");
    const events = await trained({ config, data, out, signal: AbortSignal.abort(), device: device() });
    expect(only(ofType(events, "end"))).toMatchObject({ step: 0, interrupted: true });
    await trained({ config, data, out, resume: true, device: device() });
    expect(await traces(out)).toEqual(expected);
  });
});

/**
 * Ends a run without a word after one event and then, going on, after each of the others, and compares what it does in all with a
 * run that did not end.
 */
async function expectResumed(config: Config, ...places: readonly Place[]): Promise<void> {
  const data = await writeText(folder.at("cats.txt"));
  const out = folder.at("ended");
  await untilPlaces(config, { data, out }, places);
  expect(await traces(out)).toEqual(await uninterrupted(config, data));
}

describe("a run that ended without a word, time after time, goes on bit for bit:", () => {
  it("with growth of tokens, the checkpoint of which is from before the growth, or from before the validation", async () => {
    await expectResumed(eventfulConfig(17), ["validation", 0], ["growth", 0], ["growth", 9], ["step", 11]);
  });

  it("with generations that have norms of their own, then τ that are learned", async () => {
    const growth = [
      { step: 2, add: { query: 2, feedForward: 3 }, init: "zero-value" as const, freeze: 3 },
      { step: 7, add: { feedForward: 4 }, layers: [1], init: "zero-value" as const, optimizer: "keep" as const },
      { step: 10, add: { key: "x2" }, init: "random" as const, tau: "learned" as const },
    ];
    const training = { steps: 13, microBatch: 2, evaluateEvery: 4, checkpointEvery: 3 };
    const model = { ...tokenformerModel, layers: 2, tokenNorm: "generation", dropout: 0.2 } as const;
    const config = tinyConfig(training, { growth }, model);
    await expectResumed(config, ["growth", 2], ["step", 5], ["growth", 7], ["growth", 10], ["step", 11]);
  });

  it("a balanced model with a merged skill, beside whose tokens others are appended", async () => {
    const skill = { query: 3, key: 0, value: 2, projection: 0, feedForward: 7 };
    const generations = [{ tokens: skill }];
    const model = { ...tokenformerModel, layers: 2, parametrisation: "balanced" as const, generations };
    const growth = [
      { step: 4, add: { query: 2 } },
      { step: 7, add: { feedForward: "x2" }, layers: [1], init: "random" as const },
    ];
    const config = tinyConfig({ steps: 11, evaluateEvery: 4, checkpointEvery: 3 }, { growth }, model);
    await expectResumed(config, ["growth", 4], ["step", 6], ["growth", 7], ["step", 9]);
  });

  it("a transformer that is widened twice", async () => {
    const growth = [
      { step: 4, width: 18 },
      { step: 6, width: 24, rewarm: 3 },
    ];
    const training = { steps: 9, microBatch: 2, evaluateEvery: 4, checkpointEvery: 3 };
    const config = tinyConfig(training, { growth }, transformerModel);
    await expectResumed(config, ["growth", 4], ["step", 5], ["step", 6], ["growth", 6], ["step", 8]);
  });

  it("a run that makes τ learned", async () => {
    const growth = [
      { step: 4, add: { query: 2 }, tau: "learned" as const },
      { step: 7, add: { feedForward: 5 }, tau: "sqrt-n" as const },
    ];
    const config = tinyConfig({ steps: 10, evaluateEvery: 4, checkpointEvery: 3 }, { growth });
    await expectResumed(config, ["growth", 4], ["step", 6], ["growth", 7], ["step", 9]);
  });
});

/** Trains, or goes on, and says so once the run is under way. */
const SCRIPT = `
  import { readFile } from "node:fs/promises";
  import { train } from ${JSON.stringify(new URL("../../dist/training/index.js", import.meta.url).href)};
  const [data, out, config] = process.argv.slice(2);
  const options = { config: JSON.parse(await readFile(config, "utf8")), data, out, resume: true };
  for await (const { type } of train(options)) if (type === "start") console.log("started");
`;

/** Runs the script; kills it so many milliseconds after it has started, unless it ends before. */
async function attempt(args: readonly string[], lifetime: number): Promise<{ whole: boolean; complaint: string }> {
  const child = spawn(process.execPath, [...NODE_FLAGS, folder.at("train.mjs"), ...args]);
  let complaint = "";
  child.stderr.on("data", (data: Buffer) => {
    complaint += data.toString();
  });
  const ended = new Promise<number | null>((resolve) => {
    child.on("close", resolve);
  });
  await new Promise<void>((resolve) => {
    child.stdout.once("data", () => resolve()).once("close", () => resolve());
  });
  await Promise.race([delay(lifetime, undefined, { ref: false }), ended]);
  child.kill("SIGKILL");
  return { whole: (await ended) === 0, complaint };
}

describe("a run that is killed", () => {
  it("at random moments goes on bit for bit, and no step is missing or recorded twice", async () => {
    const config = eventfulConfig(40);
    const data = await writeText(folder.at("cats.txt"));
    const expected = await uninterrupted(config, data);
    const out = folder.at("killed");
    await writeFile(folder.at("config.json"), JSON.stringify(config));
    await writeFile(folder.at("train.mjs"), SCRIPT);
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = Random.from("killed", seed);
    const seen: number[] = [];
    for (let kills = 0, done = false; !done; kills++) {
      // Long enough for some steps and checkpoints; after three kills it may end.
      const lifetime = kills < 3 ? 200 * random.uniform() : 60_000;
      const { whole, complaint } = await attempt([data, out, folder.at("config.json")], lifetime);
      expect(complaint).toBe("");
      seen.push((await loadCheckpoint(out)).state.step);
      done = whole;
    }
    console.info(`checkpoints after each kill (seed ${seed}): ${seen.join(", ")}`);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.length).toBeGreaterThan(2);
    const found = await traces(out);
    const steps = found.records.filter((record) => "loss" in record).map(({ step }) => step);
    expect(steps).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    expect(found).toEqual(expected);
  });
});
