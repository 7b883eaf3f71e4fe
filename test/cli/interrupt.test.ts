import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { json, TINY, useCommandLine } from "../support/command-line.ts";
import { addressOf, startProcess } from "../support/program.ts";

const { at, main, start, answer, metrics } = useCommandLine();

const ENDLESS = ["train", "--data", "text.txt", ...TINY, "--set", "training.steps=1000000"];

it("finishes the step on Ctrl-C, saves, says how to go on, and goes on from there", async () => {
  const running = start(...ENDLESS, "--out", "run", "--json");
  await running.shown(/step 0 {2}validation loss/);
  running.signal("SIGINT");
  const { code, stdout, stderr } = await running.outcome;
  expect(code).toBe(130);
  const { step, interrupted } = json(stdout) as Record<string, number | boolean>;
  expect(interrupted).toBe(true);
  expect(stderr).toContain("\nstopping after this step; press Ctrl-C again to stop at once\n");
  expect(stderr).toContain(`\nstep ${step}  saved to run\n`);
  expect(stderr).toMatch(
    new RegExp(`\\nstopped at step ${step}; go on with: tokenformer train --resume --out run\\n$`),
  );
  const steps = Number(step) + 2;
  const resumed = await answer("train", "--resume", "--out", "run", "--set", `training.steps=${steps}`, "--json");
  expect(json(resumed)).toMatchObject({ step: steps, interrupted: false });
  const trained = (await metrics("run")).filter((record) => "loss" in record);
  expect(trained.map((record) => record["step"])).toEqual(Array.from({ length: steps }, (_, index) => index + 1));
});

it("stops at once on a second Ctrl-C, and its folder stays whole", async () => {
  // A step that takes long: time for the second signal.
  const slow = ["--set", "training.batch=100000", "--set", "training.microBatch=4"];
  const running = start(...ENDLESS, ...slow, "--out", "slow");
  await running.shown(/step 0 {2}validation loss/);
  running.signal("SIGINT");
  await running.shown(/stopping after this step/);
  running.signal("SIGINT");
  const { code, stderr } = await running.outcome;
  expect(code).toBeNull();
  expect(stderr).toMatch(/press Ctrl-C again to stop at once\n$/);
  expect(json(await answer("inspect", "slow", "--json"))).toMatchObject({ step: 0 });
});

/** A module that defines a growth strategy. */
const STRATEGY = `
import { defineGrowthStrategy, optionsWithDefaults } from "${addressOf("tokenformer")}";
defineGrowthStrategy({
  name: "test:same", options: optionsWithDefaults({}), preserves: true,
  config: (model) => model, parameters: ({ parameters }) => parameters,
});
`;

it.each(["SIGTERM", "SIGHUP"] as const)(
  "saves on %s as on Ctrl-C, and a SIGHUP after it does not cut that short",
  async (signal) => {
    await writeFile(at("strategy.mjs"), STRATEGY);
    const running = start(...ENDLESS, "--strategy", "strategy.mjs", "--out", signal);
    await running.shown(/step 0 {2}validation loss/);
    running.signal(signal);
    running.signal("SIGHUP");
    const { code, stderr } = await running.outcome;
    expect(code).toBe(130);
    expect(stderr).toMatch(
      /\nstopped at step \d+; go on with: tokenformer train --resume --out SIG\w+ --strategy strategy\.mjs\n$/,
    );
    expect(json(await answer("inspect", signal, "--json"))).toHaveProperty("step");
  },
);

/** Runs a command whose output is read up to its first line, or not at all. */
const shell = (command: string) => promisify(execFile)("bash", ["-c", command], { cwd: at() });

it.each([
  ["reads the first line of all that it says", "2>&1 | head -1"],
  ["reads nothing", "2>&1 | true"],
  ["reads nothing of what it says beside", "2> >(true)"],
])("trains to the end where someone %s", async (what, pipe) => {
  const out = what.replaceAll(" ", "-");
  const train = ["train", "--data", "text.txt", ...TINY, "--set", "training.evaluateEvery=1", "--out", out];
  const words = [process.execPath, main, ...train].map((word) => `'${word}'`).join(" ");
  const { stdout } = await shell(`set -o pipefail; ${words} ${pipe} || echo "failed with $?"`);
  expect(stdout).not.toContain("failed");
  expect(json(await answer("inspect", out, "--json"))).toMatchObject({ step: 6 });
});

it("ends a text that nobody reads on, without a word", async () => {
  await answer("train", "--data", "text.txt", ...TINY, "--out", "short");
  const words = [process.execPath, main, "sample", "short", "--tokens", "1000000"].map((word) => `'${word}'`).join(" ");
  const { stdout, stderr } = await shell(`set -o pipefail; ${words} | head -c 20 | wc -c || echo "failed with $?"`);
  expect({ stdout, stderr }).toEqual({ stdout: "20\n", stderr: "" });
});

it.skipIf(!existsSync("/dev/full"))("trains to the end where its output goes to a full disk, and says so", async () => {
  const train = ["train", "--data", "text.txt", ...TINY, "--out", "full", "--json"];
  const words = [process.execPath, main, ...train].map((word) => `'${word}'`).join(" ");
  const { stdout } = await shell(`${words} 2>&1 >/dev/full; echo "ended with $?"`);
  expect(stdout).toMatch(/\ntokenformer: the standard output cannot be written: ENOSPC[^\n]*\nended with 1\n$/);
  expect(json(await answer("inspect", "full", "--json"))).toMatchObject({ step: 6 });
});

it("ends after the step that is under way where something fails that nobody waits for, and its folder stays whole", async () => {
  // Fails as soon as the device is at work on a batch that takes long.
  const preload = `
    import { Worker } from "node:worker_threads";
    const { postMessage } = Worker.prototype;
    let runs = 0;
    Worker.prototype.postMessage = function (message, ...rest) {
      if (message.name === "run" && ++runs === 4) setTimeout(() => { throw new Error("nobody waits for this"); }, 1);
      return postMessage.call(this, message, ...rest);
    };
  `;
  await writeFile(at("loose.mjs"), preload);
  const slow = ["--set", "training.batch=2000", "--set", "training.microBatch=2000"];
  const train = [...ENDLESS, ...slow, "--out", "loose"];
  const program = ["--import", at("loose.mjs"), main, ...train];
  const { code, stderr } = await startProcess(program, at()).outcome;
  expect(code, stderr).toBe(1);
  expect(stderr).toMatch(/tokenformer: Error: nobody waits for this\n {4}at /);
  expect(stderr).not.toMatch(/terminate|abort/i);
  expect(json(await answer("inspect", "loose", "--json"))).toMatchObject({ step: 0 });
});
