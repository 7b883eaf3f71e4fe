import { expect, it } from "vitest";
import { json, TINY, useCommandLine } from "../support/command-line.ts";

const { start, answer, metrics } = useCommandLine();

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
