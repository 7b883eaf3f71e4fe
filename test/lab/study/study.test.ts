/** Running a study: once, and again after it was stopped. */

import { getEventListeners } from "node:events";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { CharacterTokenizer, createCorpus, type Device, memoryTokens, openDevice, Random } from "../../../src/index.ts";
import {
  cellsOf,
  costLeft,
  costOf,
  planStudy,
  runStudy,
  runsDone,
  type StudyEvent,
  type StudyOutcome,
  studyResults,
  studySchema,
} from "../../../src/lab/study/index.ts";
import { useSharedFolder } from "../../support/folder.ts";
import { startProcess } from "../../support/program.ts";

const study = studySchema.parse({
  name: "test",
  doc: "two sizes",
  model: { layers: 1, heads: 2, width: 16, context: 7 },
  ladder: [
    { attention: 4, feedForward: 6, steps: 9 },
    { attention: 24, feedForward: 48, steps: 7 },
  ],
  training: { batch: 3, warmup: 2, evaluationTokens: 70 },
  learningRates: [0.01, 0.03],
  extensions: 1,
  seeds: 2,
  arms: ["grown", "scratch-tokens", "net2net"],
  ablation: { stage: 1, questions: ["optimizer"] },
});

/** Words in random order: something can be learned, and nothing is the same for two seeds. */
function text(): string {
  const random = Random.from("study test", 1);
  const words = ["key", "value", "token", "grow", "model", "loss"];
  return Array.from({ length: 900 }, () => words[Math.floor(random.uniform() * words.length)]).join(" ");
}

const tokenizer = CharacterTokenizer.fromText(text());
const corpus = createCorpus("words", tokenizer, memoryTokens(tokenizer.encode(text())));
const vocabulary = tokenizer.vocabularySize;
const plan = planStudy({ ...study, model: { ...study.model, vocabulary } });

const folder = useSharedFolder();

const devices: Device[] = [];
beforeAll(async () => {
  devices.push(await openDevice("cpu", { threads: 1 }), await openDevice("cpu", { threads: 1 }));
});
afterAll(async () => {
  for (const device of devices) await device.close();
});

/** What does not depend on the clock. */
function losses({ cells }: StudyOutcome) {
  return [...cells.values()]
    .map(({ id, grid, learningRate, runs }) => ({
      id,
      grid,
      learningRate,
      runs: runs.map(({ seed, curve, outcomes, growths }) => ({
        seed,
        growths,
        curve: curve.map(({ step, loss, flops, tokens }) => ({ step, loss, flops, tokens })),
        outcomes: outcomes.map(({ stage, loss }) => ({ stage, loss })),
      })),
    }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

const whole = async (directory: string) => runStudy({ plan, corpus, directory, devices });

it("runs every cell with each learning rate and seed, and goes on from where it was stopped, shared by processes", {
  timeout: 300_000,
}, async () => {
  const directory = folder("whole");
  const outcome = await whole(directory);
  expect(outcome.interrupted).toBe(false);
  for (const { id, grid, learningRate, runs } of outcome.cells.values()) {
    expect(runs.map(({ seed }) => seed)).toEqual([1, 2]);
    expect(grid.length, id).toBeGreaterThanOrEqual(3); // the best of two is at an edge
    const best = grid.toSorted((a, b) => a.loss - b.loss)[0];
    expect(learningRate, id).toBe(best?.learningRate);
    expect(runs[0]?.curve.at(-1)?.loss, id).not.toBe(runs[1]?.curve.at(-1)?.loss);
  }

  // Extended grids are no more than was planned; of another seed one run of each cell is left, also of those that go on from another.
  expect(cellsOf(plan).some(({ from }) => from !== undefined)).toBe(true);
  const left = async (seeds: number, at: string) => {
    const more = planStudy({ ...plan.study, seeds });
    return costLeft(more, await runsDone({ plan: more, corpus, directory: at, devices }));
  };
  expect(await left(2, directory)).toEqual({ runs: 0, steps: 0, tokens: 0, flops: 0 });
  expect((await left(3, directory)).runs).toBe(cellsOf(plan).length);
  expect(await left(2, folder("nothing"))).toEqual(costOf(plan));

  const stopped = folder("stopped");
  const abort = new AbortController();
  let events = 0;
  const part = await runStudy({
    plan,
    corpus,
    directory: stopped,
    devices,
    signal: abort.signal,
    onEvent: () => {
      events += 1;
      if (events === 150) abort.abort();
    },
  });
  expect(part.interrupted).toBe(true);
  expect(part.runs).toBeLessThan(outcome.runs);
  // Gone on with by two processes, which take runs from one folder.
  const made: string[][] = [[], []];
  const rests = await Promise.all(
    devices.map((device, index) =>
      runStudy({
        plan,
        corpus,
        directory: stopped,
        devices: [device],
        onEvent: (event) => {
          if (event.type === "run" && event.made) made[index]?.push(event.run.directory);
        },
      }),
    ),
  );
  for (const rest of rests) {
    expect(losses(rest)).toEqual(losses(outcome));
    expect(rest.flops).toBe(outcome.flops);
  }
  // Each is made once, by whichever was first, and none that was made before.
  const all = made.flat();
  expect(new Set(all).size).toBe(all.length);
  expect(all.length).toBeGreaterThan(0);
  expect(all.length).toBeLessThan(outcome.runs);

  // Weights are kept only where other runs start from them.
  const withWeights = readdirSync(join(directory, "runs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith("model.safetensors"))
    .map((file) => file.split("/")[0]);
  expect(new Set(withWeights)).toEqual(new Set(["scratch-tokens-0"]));

  const circumstances = { date: "2026-01-02", machine: "a machine", software: "some", command: "a command" };
  const results = studyResults(plan, outcome, corpus, circumstances);
  expect(results.arms.map(({ id, cells }) => [id, cells.length])).toEqual([
    ["grown", 1],
    ["scratch-tokens", 2],
    ["net2net", 1],
  ]);
  expect(results.ablation.questions.map(({ variants }) => variants.length)).toEqual([3]);
});

it("grows from the finished run of the same seed", { timeout: 60_000 }, async () => {
  const directory = folder("whole"); // of the test before
  const { cells } = await whole(directory);
  const base = cells.get("scratch-tokens/0");
  const grown = cells.get("how/reference");
  for (const seed of [0, 1]) {
    const end = base?.runs[seed]?.curve.at(-1);
    const growth = grown?.runs[seed]?.growths[0];
    expect(growth?.lossBefore).toBeCloseTo(end?.loss ?? 0, 5);
    expect(growth?.lossAfter).toBeCloseTo(end?.loss ?? 0, 5); // zero keys preserve the function
    expect(growth?.flops).toBe(end?.flops);
    expect(grown?.runs[seed]?.usage?.map(({ tokenShare }) => tokenShare)).toEqual([22 / 144, 122 / 144]);
  }
});

it("answers questions that are asked later, from what it kept for them", { timeout: 60_000 }, async () => {
  const directory = folder("asked later");
  const { arms: _, ...rest } = plan.study;
  const asking = (questions: "optimizer"[]) =>
    planStudy({
      ...rest,
      arms: ["scratch-tokens"],
      learningRates: [0.01],
      seeds: 1,
      ablation: { stage: 1, questions },
    });
  for (const [questions, cells] of [[[], 2] as const, [["optimizer"], 5] as const]) {
    const outcome = await runStudy({ plan: asking([...questions]), corpus, directory, devices });
    expect(outcome.cells.size).toBe(cells);
  }
});

it("ends the other runs with a checkpoint before it tells of an error", { timeout: 60_000 }, async () => {
  const [begun, going] = [new Set<string>(), new Set<string>()];
  let other: string | undefined;
  const onEvent = (event: StudyEvent) => {
    if (event.type !== "training") return;
    const { directory } = event.run;
    begun.add(directory);
    going.add(directory);
    if (event.event.type === "end") going.delete(directory);
    if (going.size < 2 || other !== undefined) return;
    other = [...going].find((run) => run !== directory);
    begun.clear();
    throw new Error("a full disk");
  };
  const failing = runStudy({ plan, corpus, directory: folder("failing"), devices, onEvent });
  await expect(failing).rejects.toThrow("a full disk");
  expect(going.has(other ?? "none")).toBe(false);
  // It was stopped, or at its end already.
  expect(readdirSync(other ?? "none").join()).toMatch(/model\.safetensors|result\.json/);
  expect([...begun]).toEqual([other]);
});

it("goes on without the runs whose base diverged", { timeout: 60_000 }, async () => {
  const { arms: _, ...rest } = plan.study;
  const high = planStudy({ ...rest, arms: ["scratch-tokens"], learningRates: [1e30], seeds: 1 });
  const directory = folder("diverged");
  for (const made of [true, false]) {
    const seen: boolean[] = [];
    const onEvent = (event: StudyEvent) => void (event.type === "run" && seen.push(event.made));
    const outcome = await runStudy({ plan: high, corpus, directory, devices, onEvent });
    expect(outcome.interrupted).toBe(false);
    expect(outcome.cells.size).toBe(cellsOf(high).length);
    for (const { id, runs } of outcome.cells.values()) {
      expect(runs[0]?.diverged, id).toMatch(/^step \d/);
      // Nothing was trained from what the base left.
      if (id.startsWith("how/")) expect(runs[0]?.curve, id).toEqual([]);
    }
    expect(seen).toEqual(cellsOf(high).map(() => made));
  }
});

/** Takes a folder and says so on stderr; holds it until it is killed. */
const HOLDER = `
  import { LockedFolder } from ${JSON.stringify(new URL("../../../dist/formats/files/locked-folder.js", import.meta.url).href)};
  await LockedFolder.take(process.argv[1]);
  console.error("taken");
  setInterval(() => undefined, 1000);
`;

it("takes up what a process leaves that dies", { timeout: 60_000 }, async () => {
  const directory = folder("orphaned");
  await cp(folder("whole"), directory, { recursive: true });
  const runs = readdirSync(join(directory, "runs"), { recursive: true, encoding: "utf8" });
  const run = join(directory, "runs", runs.find((name) => /^net2net.*seed-2$/.test(name)) ?? "none");
  await rm(run, { recursive: true });
  const other = startProcess(["--input-type=module", "-e", HOLDER, run], directory);
  await other.shown(/taken/);
  // As of a process that ended between the result and the removal of the weights.
  const left = join(
    directory,
    "runs",
    runs.find((name) => /^net2net.*seed-1$/.test(name)) ?? "none",
    "model.safetensors",
  );
  writeFileSync(left, "");
  await runsDone({ plan, corpus, directory, devices });
  expect(existsSync(left)).toBe(true);
  const made: string[] = [];
  const waiting: string[] = [];
  const { signal } = new AbortController();
  const going = runStudy({
    plan,
    corpus,
    directory,
    devices,
    signal,
    onEvent: (event) => {
      if (event.type === "run" && event.made) made.push(event.run.directory);
      if (event.type !== "waiting") return;
      waiting.push(event.words);
      other.signal("SIGKILL");
    },
  });
  const outcome = await going;
  expect(made).toEqual([run]);
  expect(waiting).toEqual([expect.stringContaining(`${run}: is being written to by `)]);
  expect(existsSync(left)).toBe(false);
  expect(getEventListeners(signal, "abort")).toEqual([]);
  expect(losses(outcome)).toEqual(losses(await whole(folder("whole"))));
  await other.outcome;

  // Of a lock that tells nobody, nothing is to be waited for.
  await rm(join(run, "result.json"));
  writeFileSync(join(run, ".lock-0123456789abcdef"), "{");
  await expect(runStudy({ plan, corpus, directory, devices })).rejects.toThrow(
    `${run}: has a lock that cannot be read`,
  );
});
