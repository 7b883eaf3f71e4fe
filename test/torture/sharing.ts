/** Processes that share a run's folder: one that saves beside four that read, and two that want to write. */

import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { loadSummary, readMetrics } from "../../src/checkpoint/index.ts";
import { type CommandHost, MAIN, type Outcome, ROOT, startProcess, TINY, textOf } from "../support/program.ts";
import { type Counts, check, type Part, type Setting, type Trials } from "./part.ts";

const CHECKPOINTS = JSON.stringify(pathToFileURL(join(ROOT, "dist/checkpoint/index.js")).href);

/** Saves checkpoint after checkpoint until it is asked to end; all numbers of each are that of its step. */
const WRITER = `
  const { loadCheckpoint, saveCheckpoint } = await import(${CHECKPOINTS});
  const [from, to] = process.argv.slice(1);
  const checkpoint = await loadCheckpoint(from);
  const filled = (arrays, step) =>
    new Map([...arrays].map(([name, { shape, data }]) => [name, { shape, data: new Float32Array(data.length).fill(step) }]));
  let step = 0;
  let isAsked = false;
  process.once("SIGTERM", () => {
    isAsked = true;
  });
  while (step === 0 || !isAsked) {
    step += 1;
    const { parameters, moments } = checkpoint.state;
    const state = {
      ...checkpoint.state,
      step,
      parameters: filled(parameters, step),
      moments: { first: filled(moments.first, step), second: filled(moments.second, step) },
    };
    await saveCheckpoint(to, { ...checkpoint, state });
    if (step === 1) console.error("begun");
  }
  console.log(step);
`;

/** Reads for some seconds, and tells how often, how many checkpoints it saw, and what was wrong. */
const READER = `
  const { loadCheckpoint } = await import(${CHECKPOINTS});
  const [from, seconds] = process.argv.slice(1);
  const seen = new Set();
  const wrong = [];
  let loads = 0;
  for (const end = performance.now() + 1000 * seconds; performance.now() < end; loads += 1) {
    try {
      const { state } = await loadCheckpoint(from);
      const { parameters, moments, step } = state;
      const numbers = new Set([parameters, moments.first, moments.second].flatMap((arrays) => [...arrays.values()].flatMap(({ data }) => [...new Set(data)])));
      if (numbers.size !== 1 || !numbers.has(step)) wrong.push("step " + step + " with numbers of " + [...numbers].join(", "));
      seen.add(step);
    } catch (error) {
      wrong.push(String(error));
    }
  }
  console.log(JSON.stringify({ loads, seen: seen.size, wrong: wrong.slice(0, 3) }));
`;

const node = (folder: string, script: string, ...args: readonly (string | number)[]) =>
  startProcess(["--input-type=module", "--eval", script, ...args.map(String)], folder);

export const readers: Part = {
  name: "readers",
  title: "a process that saves checkpoint after checkpoint, and four that read: each load is one whole checkpoint",
  async begin({ folder, host, short }: Setting): Promise<Trials> {
    await prepare(folder, host);
    const seconds = short ? 0.5 : 6;
    return {
      count: short ? 1 : 10,
      trial: async () => {
        const writer = node(folder, WRITER, "run", "shared");
        await writer.shown(/begun/);
        const reading = Array.from({ length: 4 }, () => node(folder, READER, "shared", seconds).outcome);
        const ended = await Promise.all(reading);
        writer.signal("SIGTERM");
        const read = ended.map(({ code, stdout, stderr }) => {
          check(code === 0, () => stderr);
          const found: { loads: number; seen: number; wrong: string[] } = JSON.parse(stdout);
          return found;
        });
        const { code, stdout, stderr } = await writer.outcome;
        check(code === 0, () => stderr);
        const wrong = read.flatMap((one) => one.wrong);
        check(wrong.length === 0, () => wrong.join("; "));
        await rm(join(folder, "shared"), { recursive: true });
        const loads = read.reduce((sum, one) => sum + one.loads, 0);
        return { saves: Number(stdout), loads };
      },
      close: () => Promise.resolve(),
    };
  },
};

export const writers: Part = {
  name: "writers",
  title:
    "two processes that train into one folder at once: one does, the other is told whose it is; after `kill -9` the next one may",
  async begin({ folder, short }: Setting): Promise<Trials> {
    await writeFile(join(folder, "text.txt"), textOf(4000));
    return {
      count: short ? 1 : 20,
      trial: (index, random) => twoWriters(folder, `run-${index}`, (short ? 10 : 40) + random.integer(40)),
      close: () => Promise.resolve(),
    };
  },
};

async function twoWriters(folder: string, run: string, steps: number): Promise<Counts> {
  const train = (...more: string[]) => startProcess([MAIN, "train", ...more, "--out", run], folder);
  const starts = [1, 2].map((seed) =>
    train("--data", "text.txt", ...TINY, "--set", `training.steps=${steps}`, "--set", `training.seed=${seed}`),
  );
  const outcomes = await Promise.all(starts.map(({ outcome }) => outcome));
  const winners = outcomes.flatMap(({ code }, index) => (code === 0 ? [index + 1] : []));
  check(winners.length === 1, () => `${winners.length} of two have trained: ${outcomes.map(({ stderr }) => stderr)}`);
  for (const one of outcomes.filter(({ code }) => code !== 0)) checkRefusal(one, run);
  const { config } = await loadSummary(join(folder, run));
  check(config.training.seed === winners[0], () => `the checkpoint is of seed ${config.training.seed}`);
  await checkMetrics(join(folder, run), steps);

  // One that is killed leaves the folder to the next.
  const killed = train("--resume", "--set", "training.steps=1000000");
  await killed.shown(/going on from step/);
  checkRefusal(await train("--resume", "--set", "training.steps=1000000").outcome, run);
  killed.signal("SIGKILL");
  await killed.outcome;
  const { step } = (await loadSummary(join(folder, run))).state;
  const next = await train("--resume", "--set", `training.steps=${step + 2}`).outcome;
  check(next.code === 0, () => `after a kill: ${next.stderr}`);
  await checkMetrics(join(folder, run), step + 2);
  await rm(join(folder, run), { recursive: true });
  return { writers: 5, refused: 2 };
}

function checkRefusal({ code, stderr }: Outcome, run: string): void {
  const refusal = new RegExp(`^tokenformer: ${run}: (is being written to by .*process \\d+|already holds a run)`, "m");
  check(code === 1 && refusal.test(stderr), () => `the second writer ended with ${code}: ${stderr}`);
}

async function checkMetrics(run: string, steps: number): Promise<void> {
  const found = (await readMetrics(join(run, "metrics.jsonl"))).filter((record) => "loss" in record);
  const wanted = Array.from({ length: steps }, (_, index) => index + 1);
  check(
    found.map(({ step }) => step).join() === wanted.join(),
    () => `metrics of steps ${found.map(({ step }) => step).join()}, expected 1 to ${steps}`,
  );
}

async function prepare(folder: string, host: CommandHost): Promise<void> {
  await writeFile(join(folder, "text.txt"), textOf(4000));
  const { code, stderr } = await host.run(["train", "--data", "text.txt", ...TINY, "--out", "run"], folder);
  check(code === 0, () => stderr);
}
