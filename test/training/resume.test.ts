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
import { ofType, only, tinyConfig, tokenformerModel, trained, transformerModel, writeText } from "./support.ts";

const folder = useFolder();

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
  await trained({ config, data, out });
  return traces(out);
}

describe("a run that a signal stopped", () => {
  it("goes on bit for bit", async () => {
    const config = eventfulConfig(17);
    const data = await writeText(folder.at("cats.txt"));
    const expected = await uninterrupted(config, data);
    // In the first warm-up and ramp, just before growth, among frozen tokens, and after all growth.
    for (const last of [1, 9, 10, 15]) {
      const out = folder.at(`stopped at ${last}`);
      const abort = new AbortController();
      const events: TrainingEvent[] = [];
      for await (const event of train({ config, data, out, signal: abort.signal })) {
        events.push(event);
        if (event.type === "step" && event.step === last) abort.abort();
      }
      expect(only(ofType(events, "end"))).toMatchObject({ step: last, interrupted: true });
      expect((await loadCheckpoint(out)).state.step).toBe(last);
      const rest = await trained({ config, data, out, resume: true });
      expect(only(ofType(rest, "start")).step).toBe(last);
      expect(only(ofType(rest, "end"))).toMatchObject({ step: 17, interrupted: false });
      expect(ofType(rest, "step")[0]?.step).toBe(last + 1);
      expect(await traces(out), `stopped at ${last}`).toEqual(expected);
    }
  });

  it("before its first step is one that has not begun", async () => {
    const config = eventfulConfig(17);
    const data = await writeText(folder.at("cats.txt"));
    const expected = await uninterrupted(config, data);
    const out = folder.at("stopped");
    const events = await trained({ config, data, out, signal: AbortSignal.abort() });
    expect(only(ofType(events, "end"))).toMatchObject({ step: 0, interrupted: true });
    await trained({ config, data, out, resume: true });
    expect(await traces(out)).toEqual(expected);
  });
});

/** Ends a run without a word after an event, and compares what it does when it goes on with a run that did not end. */
async function expectResumed(config: Config, type: TrainingEvent["type"], last: number): Promise<void> {
  const data = await writeText(folder.at("cats.txt"));
  const expected = await uninterrupted(config, data);
  const out = folder.at("ended");
  for await (const event of train({ config, data, out })) {
    if (event.type === type && event.step === last) break;
  }
  await trained({ config, data, out, resume: true });
  expect(await traces(out)).toEqual(expected);
}

describe("a run that ended without a word", () => {
  // The checkpoint of step 9 is from before the growths; of step 0, from before the validation.
  it.each([
    ["validation", 0],
    ["growth", 0],
    ["growth", 9],
    ["step", 11],
  ] as const)("after the %s of step %d goes on bit for bit", async (type, last) => {
    const config = eventfulConfig(17);
    await expectResumed(config, type, last);
  });
});

describe("a transformer that is widened twice", () => {
  const growth = [
    { step: 4, width: 18 },
    { step: 6, width: 24, rewarm: 3 },
  ];
  const config = tinyConfig(
    { steps: 9, microBatch: 2, evaluateEvery: 4, checkpointEvery: 3 },
    { growth },
    transformerModel,
  );

  it.each([
    ["growth", 4],
    ["step", 5],
    ["step", 6],
    ["growth", 6],
    ["step", 8],
  ] as const)("and ended after the %s of step %d goes on bit for bit", async (type, last) => {
    await expectResumed(config, type, last);
  });
});

describe("a run that makes τ learned", () => {
  const growth = [
    { step: 4, add: { query: 2 }, tau: "learned" as const },
    { step: 7, add: { feedForward: 5 }, tau: "sqrt-n" as const },
  ];
  const config = tinyConfig({ steps: 10, evaluateEvery: 4, checkpointEvery: 3 }, { growth });

  it.each([
    ["growth", 4],
    ["step", 6],
    ["growth", 7],
    ["step", 9],
  ] as const)("and ended after the %s of step %d goes on bit for bit", async (type, last) => {
    await expectResumed(config, type, last);
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
  const child = spawn(process.execPath, [folder.at("train.mjs"), ...args]);
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
    const config = eventfulConfig(60);
    const data = await writeText(folder.at("cats.txt"));
    const expected = await uninterrupted(config, data);
    const out = folder.at("killed");
    await writeFile(folder.at("config.json"), JSON.stringify(config));
    await writeFile(folder.at("train.mjs"), SCRIPT);
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = Random.from("killed", seed);
    const seen: number[] = [];
    for (let kills = 0, done = false; !done; kills++) {
      // Long enough for some steps and checkpoints; after eight kills it may end.
      const lifetime = kills < 8 ? 200 * random.uniform() : 60_000;
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
    expect(steps).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    expect(found).toEqual(expected);
  });
});
