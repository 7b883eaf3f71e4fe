import { writeFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { json, TINY, useCommandLine } from "../support/command-line.ts";

const { at, run, answer } = useCommandLine();
const number = expect.any(Number);

const lines = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

beforeAll(async () => {
  await answer("train", ...TINY, "--data", "text.txt", "--out", "run");
  const rows = ["the whale sea", "ship captain of the sea", "deep blue water"].map((text) => ({ text }));
  await writeFile(at("words.jsonl"), lines(rows));
  const winogrande = { sentence: "the _ and the sea", option1: "ship", option2: "whale" };
  await writeFile(at("blanks.jsonl"), lines([1, 2, 2].map((answer) => ({ ...winogrande, answer: `${answer}` }))));
  await writeFile(at("long.jsonl"), lines([{ text: `the ${"w".repeat(40)}` }]));
});

describe("eval --task", () => {
  it("answers with each metric and its standard error", async () => {
    const result = json(await answer("eval", "run", "--task", "words.jsonl", "--json"));
    expect(result).toEqual({
      accuracy: number,
      accuracyStandardError: number,
      perplexity: number,
      perplexityStandardError: number,
      taskType: "lambada",
      questions: 3,
      task: "words.jsonl",
    });
    // Half of such pairs of equal questions are right by necessity.
    const blanks = json(await answer("eval", "run", "--task", "blanks.jsonl", "--json"));
    expect([1 / 3, 2 / 3]).toContainEqual((blanks as Record<string, number>)["accuracy"]);
  });

  it("tells people, with the names that the field uses", async () => {
    expect(await answer("eval", "run", "--task", "words.jsonl", "--task-type", "text")).toMatch(
      /^words.jsonl, 3 questions in the layout of text\n {2}word perplexity \(word_perplexity\) +\d+\.\d{4}\n {2}byte perplexity \(byte_perplexity\) +\d+\.\d{4}\n {2}bits per byte \(bits_per_byte\) +\d+\.\d{4}\n$/,
    );
  });

  it.each([
    [["--task", "gone.jsonl"], "cannot read gone.jsonl: there is no such file; check the path"],
    [["--task", "words.jsonl", "--data", "text.txt"], "--task and --data: give one of them, a task or a text"],
    [["--task", "words.jsonl", "--split", "train"], "--task and --split: a task has no splits; leave --split out"],
    [["--task-type", "piqa"], "--task-type and --longest: are for a task; name its file with --task"],
    [
      ["--task", "words.jsonl", "--longest", "18"],
      "--longest 18: expected 2 to 17, the model's context of 16 and one more",
    ],
    [
      ["--task", "words.jsonl", "--task-type", "arc"],
      "words.jsonl:1: question: is missing, expected a text; correct the line",
    ],
    [
      ["--task", "long.jsonl"],
      "long.jsonl:1: what is to be scored has 41 tokens, expected at most 16; leave the line out, or take a model with a longer context",
    ],
  ])("refuses %o in one line", async (options, message) => {
    const { code, stdout, stderr } = await run("eval", "run", ...options);
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: "", stderr: `tokenformer: ${message}\n` });
  });
});
