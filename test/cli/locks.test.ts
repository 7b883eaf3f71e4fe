/** Commands that want to write to one folder. */

import { readdir } from "node:fs/promises";
import { beforeAll, expect, it } from "vitest";
import { json, type Running, TINY, useCommandLine } from "../support/command-line.ts";

const { at, start, run, answer, metrics } = useCommandLine();

const TRAIN = ["train", "--data", "text.txt", ...TINY];
const ENDLESS = ["--set", "training.steps=1000000"];

const refusal = (folder: string) =>
  new RegExp(
    `^tokenformer: ${folder}: is being written to by \`[^\`]+\` \\(process \\d+, since [^)]+ UTC\\); wait until`,
  );

/** Lets a run end in order. */
async function stop(running: Running): Promise<void> {
  running.signal("SIGINT");
  expect((await running.outcome).code).toBe(130);
}

/** The steps of a run's metrics. */
async function stepsOf(folder: string): Promise<unknown[]> {
  return (await metrics(folder)).filter((record) => "loss" in record).map(({ step }) => step);
}

beforeAll(async () => {
  await answer(...TRAIN, "--out", "run");
});

it("of two trainings that resume a run, one is refused, and names the other", async () => {
  const resume = ["train", "--resume", "--out", "run", ...ENDLESS];
  const first = start(...resume);
  await first.shown(/going on from step 6/);
  const second = await run(...resume);
  expect(second).toMatchObject({ code: 1, stdout: "" });
  expect(second.stderr).toMatch(refusal("run"));
  expect(second.stderr).toContain("train --resume --out run");
  await stop(first);
  const steps = await stepsOf("run");
  expect(steps).toEqual(Array.from(steps, (_, index) => index + 1));
});

it("of new trainings into one folder at once, one trains, and nothing of the others is there", async () => {
  const outcomes = await Promise.all(
    [1, 2, 3].map(
      (seed) =>
        start(...TRAIN, "--out", "shared", "--set", `training.seed=${seed}`, "--set", "training.steps=40").outcome,
    ),
  );
  const trained = outcomes.flatMap(({ code }, index) => (code === 0 ? [index + 1] : []));
  expect(trained).toHaveLength(1);
  for (const { code, stderr } of outcomes) {
    if (code !== 0) expect(stderr).toMatch(/^tokenformer: shared: (is being written to by|already holds a run)/);
  }
  const { config } = json(await answer("inspect", "shared", "--json")) as { config: { training: { seed: number } } };
  expect([config.training.seed]).toEqual(trained);
  expect(await stepsOf("shared")).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
});

it("while a run trains, none writes into its folder or its best, and all can read it", async () => {
  await answer("export", "run", "--format", "safetensors", "--to", "published", "--convert");
  const training = start(...TRAIN, "--out", "busy", ...ENDLESS);
  await training.shown(/step 0 {2}validation loss/);
  const writers = [
    ["grow", "run", "--to", "busy", "--add", "q=8"],
    ["prune", "run", "--to", "busy", "--keep", "0.5"],
    ["import", "published", "--to", "busy"],
    ["tokenize", "--data", "text.txt", "--to", "busy/data.bin"],
    ["study", "progressive", "--data", "text.txt", "--out", "busy"],
  ];
  for (const args of writers) expect((await run(...args)).stderr, args[0]).toMatch(refusal("busy"));
  const exported = await run("export", "run", "--format", "onnx", "--to", "busy");
  expect(exported.stderr).toBe("tokenformer: busy: is the folder of a run; choose another folder\n");
  expect((await run(...TRAIN, "--out", "busy/best")).stderr).toMatch(refusal("busy/best"));
  expect(json(await answer("inspect", "busy", "--json"))).toHaveProperty("step");
  expect((await answer("sample", "busy", "--tokens", "3")).length).toBeGreaterThan(3);
  await stop(training);
  expect((await readdir(at("busy"))).filter((name) => name.startsWith("."))).toEqual([]);
});

it("a run whose process was killed is gone on with at once", async () => {
  const killed = start(...TRAIN, "--out", "killed", ...ENDLESS);
  await killed.shown(/step 0 {2}validation loss/);
  killed.signal("SIGKILL");
  await killed.outcome;
  await answer("train", "--resume", "--out", "killed", "--set", "training.steps=7");
  expect(await stepsOf("killed")).toEqual([1, 2, 3, 4, 5, 6, 7]);
});
