/** `train --from RUN --cooldown` as a user meets it. */

import { readdir } from "node:fs/promises";
import { beforeAll, expect, it } from "vitest";
import { json, TINY, useCommandLine } from "../support/command-line.ts";

const { at, run, answer, metrics } = useCommandLine();

const constant = ["--set", "training.schedule=constant", "--set", "training.warmup=0"];

beforeAll(async () => {
  await answer("train", "--data", "text.txt", ...TINY, ...constant, "--set", "training.steps=8", "--out", "trunk");
  await answer("train", "--data", "text.txt", ...TINY, "--set", "training.steps=8", "--out", "cosine");
});

it("branches off a run that trains on, and ends with a rate of nearly 0", async () => {
  const branch = await run("train", "--from", "trunk", "--cooldown", "--out", "branch", "--json");
  expect(branch).toMatchObject({ code: 0, stderr: expect.stringContaining("cooldown: 2 updates from step 8 to 10, ") });
  expect(json(branch.stdout)).toMatchObject({ step: 10 });
  const rates = (await metrics("branch")).flatMap(({ learningRate }) => learningRate ?? []);
  expect(rates).toEqual([0.001, 0.001 * (1 - Math.SQRT1_2)].map((rate) => expect.closeTo(rate, 12)));
  expect(
    json(await answer("train", "--resume", "--out", "trunk", "--set", "training.steps=9", "--json")),
  ).toMatchObject({
    step: 9,
  });
  const other = await run("train", "--from", "trunk", "--cooldown", "3", "--out", "other", "--json");
  expect(json(other.stdout)).toMatchObject({ step: 12 });
});

it.each([
  [["--cooldown"], "--cooldown: needs --from, the run to branch off"],
  [
    ["--from", "trunk", "--cooldown", "--restart"],
    "--cooldown and --restart: a cooldown goes on from where the run is; leave one out",
  ],
  [
    ["--from", "trunk", "--cooldown", "100%"],
    "--cooldown 100%: expected a share of all updates above 0% and below 100%, such as 20%, or a whole number of updates from 1",
  ],
  [
    ["--from", "trunk", "--cooldown", "0.2"],
    "--cooldown 0.2: expected a share of all updates above 0% and below 100%, such as 20%, or a whole number of updates from 1",
  ],
  [
    ["--from", "trunk", "--cooldown", "--set", "training.steps=30"],
    "training.steps: is what --cooldown decides; leave one of them out",
  ],
  [
    ["--from", "trunk", "--cooldown", "--grow-at", "9:all=x2"],
    "--cooldown: a branch grows no more, and the growth at step 9 is none of trunk; leave that plan out",
  ],
  [
    ["--from", "cosine", "--cooldown"],
    "cosine: its learning rate is 0.000100 at step 8, not the highest, 0.00100; a cooldown begins where the rate is constant: train with training.schedule=constant past the warm-up, and keep training.learningRate and training.warmup",
  ],
])("%j is refused in one line, and nothing is written", async (options, message) => {
  const before = await readdir(at());
  const outcome = await run("train", ...options, "--out", "refused");
  expect(outcome).toEqual({ code: 1, stdout: "", stderr: `tokenformer: ${message}\n` });
  expect(await readdir(at())).toEqual(before);
});
