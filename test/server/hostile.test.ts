import { beforeAll, expect, it } from "vitest";
import { startProcess, TINY, useCommandLine } from "../support/command-line.ts";
import { tortureServer } from "../torture/server.ts";

const { answer, at, main } = useCommandLine();

beforeAll(async () => {
  const tokens = ["--tokenizer", "bpe:280", "--set", "model.context=64"];
  await answer("train", ...TINY, ...tokens, "--data", "text.txt", "--out", "run");
});

it("answers every good request among hostile clients, and keeps nothing of them", async () => {
  const result = await tortureServer({
    seed: 1,
    run: "run",
    start: (args) => startProcess(args(main), at()),
    clients: 24,
    seconds: 1,
    connections: 40,
    requests: 200,
  });
  expect(result.answered).toBeGreaterThan(5);
  expect(Object.keys(result.misdeeds)).toHaveLength(6);
});
