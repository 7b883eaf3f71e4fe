/** The study `skills`, in miniature. */

import { readFile, rm, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { json, useCommandLine } from "../support/command-line.ts";

const { at, run } = useCommandLine();

const TOKENS = JSON.stringify({ query: 5, key: 5, value: 5, projection: 5, feedForward: 7 });
const SMALL = [
  ...["seeds=[1,2]", "sizes=[2]", "skillRates=[0.01,0.03]", "fullRates=[0.001]", "base.steps=5", "adapting.steps=3"],
  ...["heldOutTokens=64", "model.layers=1", "model.width=16", "model.heads=2", "model.context=8", "tokenizer=bpe:270"],
  `model.tokens=${TOKENS}`,
].flatMap((assignment) => ["--set", assignment]);

const study = (...more: readonly string[]) =>
  run("study", "skills", "--base", "text.txt", "--text", "cats=cats.txt", "--text", "logs=logs.txt", ...SMALL, ...more);

it("compares skills with training all parameters, and goes on from what is there", async () => {
  await writeFile(at("cats.txt"), "the cat sat on the mat. ".repeat(60));
  await writeFile(at("logs.txt"), "a log; a dog; a bog. ".repeat(60));
  const plan = json((await study("--dry-run", "--json")).stdout);
  expect(plan).toMatchObject({ trainings: { bases: 2, adapting: 2 * (2 + 1) + 2 * 2 + 2 * 2 } });
  const first = await study("--out", "skills");
  expect(first, first.stderr).toMatchObject({ code: 0 });
  const read = async () => JSON.parse(await readFile(at("skills", "results.json"), "utf8"));
  const results = await read();
  expect(results).toMatchObject({ texts: ["text.txt", "cats", "logs"], sizes: [2], seeds: [1, 2] });
  expect(results.bases).toHaveLength(2);
  expect(results.adapted).toHaveLength(2 * 2 * 2);
  for (const { way, parameters, losses } of results.adapted) {
    // Keys and values of five sites.
    expect(parameters).toBe(way === "full" ? results.baseParameters : 2 * 5 * 16 * way);
    expect(Object.keys(losses)).toEqual(["text.txt", "cats", "logs"]);
  }
  expect(results.pairs).toHaveLength(2);
  expect(results.continual.map(({ means }: { means: unknown[] }) => means.length)).toEqual(new Array(2 * 3).fill(2));
  const report = await readFile(at("skills", "report.md"), "utf8");
  expect(report).toContain("**Missing**: LoRA on the GPT");
  expect(report.match(/^\| cats \| \d tokens a site \|/gm)).toHaveLength(1);
  await rm(at("skills", "runs", "skill-cats-2-0.01-1", "result.json"));
  const again = await study("--out", "skills");
  expect(again.stderr).toMatch(/^skill-cats-2-0\.01-1: /m);
  expect(again.stderr).toMatch(/^\(known\) skill-logs-2-0\.01-1: /m);
  const { date: _, ...same } = await read();
  const seconds = (key: string, value: unknown) => (key === "seconds" ? 0 : value);
  expect(JSON.stringify(same, seconds)).toBe(JSON.stringify({ ...results, date: undefined }, seconds));
});

it.each([
  [["--text", "cats"], "--text cats: expected name=file, such as --text code=index.ts"],
  [["--text", "a=cats.txt", "--text", "a=logs.txt", "--out", "x"], "--text: a name is given twice"],
  [["--text", "a=cats.txt"], "needs --out, a folder for its runs and report"],
  [["--text", "a=cats.txt", "--set", "sizes=[]"], "sizes"],
])("refuses %j in one line", async (options, message) => {
  const { code, stderr } = await run("study", "skills", ...options);
  expect(code).toBe(1);
  expect(stderr).toContain(message);
  expect(stderr.trim().split("\n")).toHaveLength(1);
});
