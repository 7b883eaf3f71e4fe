import { mkdir, readdir, readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { json, useCommandLine } from "../support/command-line.ts";

const { answer, at, run } = useCommandLine();

it("measures what is asked for, and writes it to a folder", async () => {
  const text = await answer("bench", "--only", "growth", "--out", "bench");
  expect(text).toContain("| mini, twice the tokens | 1.06 M → 2.11 M |");
  expect(await readdir(at("bench"))).toEqual(["benchmark.json", "benchmark.md"]);
  expect(await readFile(at("bench", "benchmark.md"), "utf8")).toBe(text);
});

it("prints numbers as JSON, also where they cannot be written", async () => {
  const growth = { name: "mini, twice the tokens", parametersAfter: 2_105_728, moments: true };
  await mkdir(at("taken", "benchmark.md"), { recursive: true });
  const { code, stdout, stderr } = await run("bench", "--only", "growth", "--json", "--out", "taken");
  expect(json(stdout)).toMatchObject({ growth: [growth] });
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^tokenformer: .*benchmark\.md/m) });
});

it("refuses a folder that cannot be, before it measures anything", async () => {
  const { code, stderr } = await run("bench", "--out", "text.txt/bench");
  expect({ code, lines: stderr.trim().split("\n") }).toEqual({
    code: 1,
    lines: [expect.stringMatching(/^tokenformer: .*text\.txt\/bench/)],
  });
});

it("refuses what another device cannot be asked for", async () => {
  expect(await run("bench", "--device", "webgpu", "--only", "growth", "steps")).toMatchObject({
    code: 1,
    stderr: "tokenformer: --device webgpu: growth can be measured on the cpu alone; use --only steps limits\n",
    stdout: "",
  });
});

it("refuses what it does not know, and no rounds", async () => {
  expect(await run("bench", "--only", "speed")).toMatchObject({ code: 1, stderr: expect.stringContaining("limits") });
  expect(await run("bench", "--rounds", "0")).toMatchObject({
    code: 1,
    stderr: "tokenformer: --rounds 0: expected a whole number from 1\n",
    stdout: "",
  });
});
