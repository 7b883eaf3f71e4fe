/** How a user sees what parameter tokens are used for, and drops those that are not. */

import { beforeAll, describe, expect, it } from "vitest";
import { json, TINY, useCommandLine } from "../support/command-line.ts";

const { answer, metrics, run } = useCommandLine();
const number = expect.any(Number);

beforeAll(async () => {
  const plan = "6:q=4,k=4,v=4,proj=4,ffn=8;tau=fixed";
  await answer("train", ...TINY, "--data", "text.txt", "--out", "run", "--set", "training.steps=7", "--grow-at", plan);
  await answer("grow", "run", "--to", "grown", "--add", "ffn=3");
});

describe("inspect --usage", () => {
  it("answers with the shares of each generation", async () => {
    const { usage } = json(await answer("inspect", "grown", "--usage", "--json")) as Record<string, unknown>;
    const old = { born: 0, init: "initial", massShare: number, contributionShare: number, gradientNorm: number };
    const unused = { born: 7, tokens: 3, tokenShare: 3 / 27, massShare: 0, contributionShare: 0 };
    expect(usage).toMatchObject({
      data: expect.stringMatching(/text\.txt$/),
      tokens: number,
      kinds: {
        query: [
          { ...old, tokens: 8, tokenShare: 2 / 3 },
          { born: 6, tokens: 4, tokenShare: 1 / 3 },
        ],
        feedForward: [{ ...old, tokens: 16 }, { born: 6, tokens: 8 }, unused],
      },
      layers: [[{ tokens: 48 }, { tokens: 24 }, { tokens: 3 }]],
      all: [{ tokens: 48 }, { tokens: 24 }, { tokens: 3 }],
    });
  });

  it("tells people", async () => {
    const text = await answer("inspect", "grown", "--usage", "--data", "text.txt");
    expect(text).toMatch(
      /^use of the parameter tokens on \d+ tokens of text\.txt, validation split, by the step of their birth:\n/,
    );
    expect(text).toMatch(/^ {2}feedForward +initial +16 +59% +\d+% +\d+% +\S+$/m);
    expect(text).toMatch(/^ {15}zero-key at 6 +8 +30% +(?:< 1|\d+)% +(?:< 1|\d+)% +\S+$/m);
    expect(text).toMatch(/^ {15}zero-key at 7 +3 +11% +0% +0% +\S+$/m);
  });

  it("refuses a model that has no parameter tokens", async () => {
    const model = ["--set", 'model={"type":"bigram","context":8}', "--set", "training.steps=1"];
    await answer("train", ...model, "--data", "text.txt", "--out", "bigram");
    expect(await run("inspect", "bigram", "--usage")).toEqual({
      code: 1,
      stdout: "",
      stderr:
        "tokenformer: --usage: measures the parameter tokens of a tokenformer, and this is a bigram; leave the option out\n",
    });
  });
});

describe("prune", () => {
  const KEYS = ["parametersBefore", "parametersAfter", "tokensBefore", "tokensAfter"];

  it("drops what is not used without a change of the loss, and tells the costs", async () => {
    // 3 of 75 tokens have no weight at all.
    const command = ["prune", "grown", "--keep", "0.96", "--to", "pruned", "--calibrate", "text.txt", "--json"];
    const report = json(await answer(...command)) as Record<string, number>;
    expect(KEYS.map((key) => report[key])).toEqual([2784, 2688, 75, 72]);
    expect(report).toMatchObject({ keep: 0.96, by: "model", tau: "corrected", step: 7, to: "pruned" });
    expect(report["lossAfter"]).toBeCloseTo(report["lossBefore"] ?? Number.NaN, 6);
    expect(report["tokensPerSecondAfter"]).toBeGreaterThan(0);
    const generations = json(await answer("inspect", "pruned", "--json"));
    expect(generations).toMatchObject({ lineage: { "blocks.0.feedForward": [{ tokens: 16 }, { tokens: 8 }] } });
  });

  it("leaves a model that evaluates, samples, grows and trains on", async () => {
    const told = await answer("prune", "grown", "--keep", "0.5", "--by", "site", "--tau", "fixed", "--to", "half");
    expect(told).toMatch(/^pruned by site to 0\.5 of the parameter tokens, τ fixed: 75 → 38\n/);
    expect(told).toMatch(/^ {2}perplexity \d+\.\d{3} → \d+\.\d{3}$/m);
    expect(json(await answer("eval", "half", "--json"))).toMatchObject({ loss: number });
    expect(await answer("sample", "half", "--prompt", "the", "--tokens", "5")).toMatch(/^the.{5}\n$/s);
    await answer("grow", "half", "--to", "half-grown", "--add", "ffn=2");
    const more = ["train", "--resume", "--out", "half", "--set", "training.steps=9", "--json"];
    expect(json(await answer(...more))).toMatchObject({ step: 9, validationLoss: number });
    const steps = (await metrics("half")).map((record) => ("pruning" in record ? "pruning" : record["step"]));
    expect(steps.slice(-4)).toEqual(["pruning", 8, 9, 9]);
  });

  it.each([
    ["0", "--keep 0: expected a share above 0 and up to 1, such as 0.7 for 70 % of the tokens"],
    ["1.5", "--keep 1.5: expected a share above 0 and up to 1, such as 0.7 for 70 % of the tokens"],
    ["half", "--keep half: expected a number"],
  ])("refuses to keep %s", async (keep, message) => {
    const stderr = `tokenformer: ${message}\n`;
    expect(await run("prune", "grown", "--keep", keep, "--to", "new")).toEqual({ code: 1, stdout: "", stderr });
  });

  it("refuses a folder that holds a run", async () => {
    const { code, stderr } = await run("prune", "grown", "--keep", "0.5", "--to", "grown");
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "tokenformer: grown: already holds a run; choose another folder\n",
    });
  });
});
