import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { readTask, type TaskType, taskTypes } from "../../src/evaluation/index.ts";

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/tasks/${name}`, import.meta.url));

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tokenformer-tasks-"));
});
afterAll(async () => rm(folder, { recursive: true }));

async function read(lines: readonly unknown[], type?: TaskType) {
  const file = join(folder, "task.jsonl");
  const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
  await writeFile(file, text);
  return readTask(file, type);
}

describe("prompts", () => {
  // `prompts.json` holds what lm-evaluation-harness 0.4.13 asks of a model for each line of these files, by its own definitions
  // of lambada_openai, hellaswag, piqa, arc_easy and winogrande.
  it.each(["lambada", "hellaswag", "piqa", "arc", "winogrande"] as const)("of %s are the harness's", async (type) => {
    const prompts: Record<string, [string, string][][]> = JSON.parse(await readFile(fixture("prompts.json"), "utf8"));
    const task = await readTask(fixture(`${type}.jsonl`));
    const asked = task.questions.map(({ question }) => {
      if (question.kind === "text") throw new Error("a text asks nothing");
      const pairs = question.kind === "choice" ? question.pairs : [question.pair];
      return pairs.map(({ context, continuation }) => [context, continuation]);
    });
    expect(task.type).toBe(type);
    expect(asked).toEqual(prompts[type]);
  });

  it("of a whole text are the text", async () => {
    const { type, questions } = await readTask(fixture("text.jsonl"), "text");
    expect(type).toBe("text");
    expect(questions[1]).toEqual({
      line: 2,
      question: { kind: "text", text: "the sea\n\n the ship   and the whale " },
    });
  });
});

describe("answers", () => {
  const answers = async (lines: readonly unknown[]) =>
    (await read(lines)).questions.map(({ question }) => (question.kind === "choice" ? question.answer : undefined));

  it("are numbers or digits", async () => {
    const piqa = { goal: "g", sol1: "a", sol2: "b" };
    expect(
      await answers([
        { ...piqa, label: 1 },
        { ...piqa, label: "0" },
      ]),
    ).toEqual([1, 0]);
  });

  it("are labels of ARC's choices", async () => {
    const arc = { question: "q", choices: { text: ["a", "b", "c"], label: ["1", "2", "3"] } };
    expect(await answers([{ ...arc, answerKey: "3" }])).toEqual([2]);
  });

  it("are 1 or 2 in WinoGrande, whose contexts differ", async () => {
    const winogrande = { sentence: "the _ sank.", option1: "ship", option2: "sea", answer: "2" };
    expect((await read([winogrande])).questions[0]?.question).toEqual({
      kind: "choice",
      pairs: [
        { context: "the ship", continuation: " sank." },
        { context: "the sea", continuation: " sank." },
      ],
      answer: 1,
    });
  });
});

it("passes over empty lines and a byte order mark, and counts lines as an editor does", async () => {
  const { questions } = await read(["\uFEFF", { text: "the sea" }, "", { text: "a whale" }]);
  expect(questions.map(({ line }) => line)).toEqual([2, 4]);
});

const piqa = { goal: "g", sol1: "a", sol2: "b", label: 0 };
const hellaswag = { ctx_a: "a", ctx_b: "b", activity_label: "c", endings: ["d", "e"], label: "1" };
const arc = { question: "q", choices: { text: ["a", "b"], label: ["A", "B"] }, answerKey: "A" };

const mistakes: readonly (readonly [name: string, lines: readonly unknown[], message: string, type?: TaskType])[] = [
  ["an empty file", [""], "is empty, expected a text; name a file with text"],
  ["blank lines", ["", " ", ""], "has no lines, expected one question a line"],
  ["no JSON", [piqa, '{"goal": }'], "2:10: this is not JSON; expected one JSON object a line"],
  [
    "unknown keys",
    [{ prompt: "a" }],
    `1: the keys belong to no known task, expected those of ${taskTypes.join(", ")}; name one with --task-type`,
  ],
  [
    "no object",
    ["", 5],
    `2: the keys belong to no known task, expected those of ${taskTypes.join(", ")}; name one with --task-type`,
  ],
  ["a missing key", [piqa, piqa, { goal: "g" }], "3: sol1: is missing, expected a text; correct the line"],
  [
    "an answer out of range",
    [piqa, { ...piqa, label: 2 }],
    "2: label: expected a number from 0 to 1; correct the line",
  ],
  ["an answer that is no number", [{ ...piqa, label: "" }], "1: label: expected a whole number; correct the line"],
  ["an unlabelled line", [{ ...hellaswag, label: "" }], "1: label: expected a whole number; correct the line"],
  ["an ending too few", [{ ...hellaswag, label: 2 }], "1: label: expected a number from 0 to 1; correct the line"],
  ["no such label", [{ ...arc, answerKey: "E" }], '1: answerKey: "E" is none of the labels A, B; correct the line'],
  [
    "labels too few",
    [{ ...arc, choices: { text: ["a", "b"], label: ["A"] } }],
    "1: choices.label: has 1 labels for 2 texts; correct the line",
  ],
  [
    "no blank",
    [{ sentence: "a b", option1: "c", option2: "d", answer: "1" }],
    "1: sentence: has no blank _ to fill; correct the line",
  ],
  ["another layout than named", [piqa], "1: text: is missing, expected a text; correct the line", "text"],
];

describe("a file with a fault is refused, with its line", () => {
  it.each(mistakes.map((mistake) => [mistake[0], mistake] as const))("%s", async (_, [, lines, message, type]) => {
    const attempt = read(lines, type);
    await expect(attempt).rejects.toBeInstanceOf(UserError);
    const place = join(folder, "task.jsonl");
    await expect(attempt).rejects.toThrow(
      new UserError(/^\d/.test(message) ? `${place}:${message}` : `${place}: ${message}`),
    );
  });
});
