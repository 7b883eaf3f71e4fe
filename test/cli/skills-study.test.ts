/** The study `skills`, in miniature. */

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { json, useCommandLine } from "../support/command-line.ts";

const { at, run } = useCommandLine();

const TOKENS = JSON.stringify({ query: 5, key: 5, value: 5, projection: 5, feedForward: 7 });
const SMALL = [
  ...["sizes=[2]", "rates=[0.001]", "seeds=[1]", "base.steps=5", "adapting.steps=3"],
  ...["heldOutTokens=64", "model.layers=1", "model.width=16", "model.heads=2", "model.context=8", "tokenizer=bpe:270"],
  `model.tokens=${TOKENS}`,
].flatMap((assignment) => ["--set", assignment]);

const study = (...more: readonly string[]) =>
  run("study", "skills", "--base", "text.txt", "--text", "cats=cats.txt", "--text", "logs=logs", ...SMALL, ...more);

it("compares skills with other ways to learn, and goes on from what is there", async () => {
  await writeFile(at("cats.txt"), "the cat sat on the mat. ".repeat(60));
  await mkdir(at("logs"));
  await writeFile(at("logs", "own.txt"), "a log; a dog; a bog. ".repeat(60));
  const plan = json((await study("--dry-run", "--json", "--set", "seeds=[1,2]", "--set", "rates=[0.001,0.02]")).stdout);
  // Two texts by five ways, at two rates with the first seed and at one with the other; and all parameters for one text after the other.
  const adapting = 2 * 5 * (2 + 1) + 2 * 2;
  expect(plan).toMatchObject({
    cost: { bases: 4, adapting, updates: 4 * 5 + adapting * 3, flops: expect.any(Number) },
  });
  const first = await study("--out", "skills");
  expect(first, first.stderr).toMatchObject({ code: 0 });
  expect(first.stderr).toMatch(/^logs: reads own\.txt$/m);
  expect(first.stderr).toMatch(
    /^warning: the warm-up of \d+ steps is no shorter than the training of 5 steps: .*; lower base\.warmup$/m,
  );
  const read = async () => JSON.parse(await readFile(at("skills", "results.json"), "utf8"));
  const results = await read();
  expect(results).toMatchObject({ texts: ["text.txt", "cats", "logs"], sizes: [2], seeds: [1], rates: [0.001] });
  expect(results.bases).toHaveLength(1);
  expect(results.gpts).toHaveLength(1);
  expect(results.adapted).toHaveLength(2 * 5);
  // Keys and values of five sites; of LoRA, of rank 2, beside four matrices of 8 by 8 and two of 8 by 32.
  const lora = 2 * (4 * 2 * 8 + 2 * 5 * 8);
  const learning = { skill: 320, shared: 320, old: 320, lora, full: results.baseParameters };
  for (const { way, parameters, memory, losses } of results.adapted) {
    expect(parameters, way).toBe(learning[way as keyof typeof learning]);
    expect(memory).toBeGreaterThan(4 * results.baseParameters);
    expect(Object.keys(losses)).toEqual(["text.txt", "cats", "logs"]);
  }
  expect(results.pairs).toHaveLength(1);
  expect(results.continual.map(({ means }: { means: unknown[] }) => means.length)).toEqual([2, 2, 2]);
  const report = await readFile(at("skills", "report.md"), "utf8");
  expect(report.match(/^\| cats \| a skill of 2 tokens a site \|/gm)).toHaveLength(1);
  expect(report.match(/^\| (cats|logs) \| (— \(the GPT\)|LoRA, as large as 2 tokens a site) \|/gm)).toHaveLength(4);

  // What is not measured yet is made again, and more seeds and rates are made beside what is there.
  for (const name of ["skill", "lora"]) await rm(at("skills", "runs", `${name}-cats-2-0.001-1`, "result.json"));
  // The folder is the same study's, whatever its note says of it in words, and where options are newer than the note.
  const note = JSON.parse(await readFile(at("skills", "skills.json"), "utf8"));
  const { doc: _words, ...fixed } = note.study;
  delete fixed.adapting.clip;
  await writeFile(at("skills", "skills.json"), JSON.stringify({ ...note, study: { ...fixed, doc: "older words" } }));
  const again = await study("--out", "skills");
  expect(again.stderr).toMatch(/^skill-cats-2-0\.001-1: /m);
  expect(again.stderr).toMatch(/^lora-cats-2-0\.001-1: /m);
  expect(again.stderr).toMatch(/^\(known\) skill-logs-2-0\.001-1: /m);
  const { date: _, ...same } = await read();
  const seconds = (key: string, value: unknown) => (key === "seconds" ? 0 : value);
  expect(JSON.stringify(same, seconds)).toBe(JSON.stringify({ ...results, date: undefined }, seconds));
  const wider = ["seeds=[1,2]", "rates=[0.001,0.02]", 'ways=["skill"]'].flatMap((assignment) => ["--set", assignment]);
  const more = await study("--out", "skills", ...wider);
  expect(more.stderr).toMatch(/^\(known\) skill-cats-2-0\.001-1: .*\nskill-cats-2-0\.02-1: /m);
  expect((await read()).adapted.map(({ seed }: { seed: number }) => seed)).toEqual([1, 1, 2, 2]);
});

it("takes texts of the studio by their names, beside files", async () => {
  const { stdout } = await run("study", "skills", "--text", "a=cats.txt", "--text", "play", "--dry-run", "--json");
  expect(json(stdout)).toMatchObject({ texts: ["Moby-Dick and SOTU", "a", "play"] });
});

it.each([
  [["--text", "cats"], "--text cats: expected name=file, such as --text code=index.ts, or one of play, typescript"],
  [["--text", "a=cats.txt", "--text", "a=logs.txt", "--out", "x"], "--text: a name is given twice"],
  [["--text", "a=cats.txt"], "needs --out, a folder for its runs and report"],
  [["--text", "a=cats.txt", "--set", "sizes=[]"], "sizes"],
])("refuses %j in one line", async (options, message) => {
  const { code, stderr } = await run("study", "skills", ...options);
  expect(code).toBe(1);
  expect(stderr).toContain(message);
  expect(stderr.trim().split("\n")).toHaveLength(1);
});
