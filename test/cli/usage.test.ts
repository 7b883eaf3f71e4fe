/** How a user sees what parameter tokens are used for. */

import { beforeAll, describe, expect, it } from "vitest";
import { json, TINY, useCommandLine } from "../support/command-line.ts";

const { answer, run } = useCommandLine();
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
    expect(text).toMatch(/^ {15}zero-key at 6 +8 +30% +\d+% +\d+% +\S+$/m);
    expect(text).toMatch(/^ {15}zero-key at 7 +3 +11% +0% +0% +\S+$/m);
  });

  it("refuses a model that has no parameter tokens", async () => {
    const model = ["--set", 'model={"type":"bigram","context":8}', "--set", "training.steps=1"];
    await answer("train", ...model, "--data", "text.txt", "--out", "bigram");
    expect(await run("inspect", "bigram", "--usage")).toEqual({
      code: 1,
      stdout: "",
      stderr: "tokenformer: --usage: a bigram has no parameter tokens; leave the option out\n",
    });
  });
});
