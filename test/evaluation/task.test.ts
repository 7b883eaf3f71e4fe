import { expect, it } from "vitest";
import { evaluateTask, type Question, type SequenceScores, type TaskType } from "../../src/evaluation/index.ts";
import { CharacterTokenizer } from "../../src/text/index.ts";

const letters = CharacterTokenizer.fromText("\n abcdefghé🙂");

/** Every token has a log-probability of its own, wherever it stands; those of `a` and `b` are the best. */
const logProbability = (id: number) => (id <= 3 ? -1 : -id / 2);

const scorer = {
  score: async (sequences: readonly Int32Array[]) =>
    sequences.map((tokens): SequenceScores => {
      const logProbabilities = Float32Array.from(tokens.slice(1), logProbability);
      const top = new Float32Array(tokens.length - 1).fill(-1);
      return { logProbabilities, top: 1, topIds: new Int32Array(top.length), topLogProbabilities: top, next: top };
    }),
};

async function metrics(type: TaskType, questions: readonly Question[]) {
  const task = { type, questions: questions.map((question, index) => ({ question, line: index + 1 })) };
  const result = await evaluateTask(scorer, letters, "task.jsonl", task, { longest: 9 });
  expect(result).toMatchObject({ type, questions: questions.length });
  return result.metrics;
}

function choice(answer: number, first: string, second: string): Question {
  const pair = (text: string) => ({ context: "a", continuation: text });
  return { kind: "choice", pairs: [pair(first), pair(second)], answer, choices: [first, second] };
}

it("counts the most likely choices, and those by length in characters and in bytes", async () => {
  // Ids: a 2, b 3, c 4, d 5, e 6, f 7, g 8, h 9, é 10, 🙂 11; so ln p is -1, -1, -2, -2.5, -3, …, -4.5, -5, -5.5.
  const result = await metrics("piqa", [
    choice(0, "c", "aaa"), // -2 against -3: the first; by length -2 against -1: the second
    choice(1, "c", "aaa"),
    choice(1, "e", "é"), // -3 against -5; by bytes -3 against -2.5
    choice(0, "🙂", "é"), // -5.5 against -5; by bytes -5.5 / 4 against -5 / 2
    choice(0, "a", "b"), // equal: the first
  ]);
  const error = (right: number) => Math.sqrt((right / 5) * (1 - right / 5)) / 2;
  expect(result.accuracy?.value).toBe(2 / 5);
  expect(result.normalisedAccuracy?.value).toBe(2 / 5);
  expect(result.byteNormalisedAccuracy?.value).toBe(4 / 5);
  expect(result.accuracy?.standardError).toBeCloseTo(error(2), 12);
  expect(result.byteNormalisedAccuracy?.standardError).toBeCloseTo(error(4), 12);
});

it("does not normalise where the contexts differ", async () => {
  const pair = (context: string) => ({ context, continuation: "a" });
  const result = await metrics("winogrande", [{ kind: "choice", pairs: [pair("b"), pair("c")], answer: 0 }]);
  expect(result).toEqual({ accuracy: { value: 1, standardError: Number.NaN } });
});

it("counts a word as right if each of its tokens is the likeliest, and gives the perplexity of words", async () => {
  const word = (continuation: string): Question => ({ kind: "word", pair: { context: "a", continuation } });
  const result = await metrics("lambada", [word(" ab"), word(" ac"), word(" h")]);
  expect(result.accuracy?.value).toBeCloseTo(1 / 3, 12);
  const logProbabilities = [-3, -4, -5.5]; // the space has -1
  const mean = -12.5 / 3;
  expect(result.perplexity?.value).toBeCloseTo(Math.exp(-mean), 9);
  const variance = logProbabilities.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 2;
  expect(result.perplexity?.standardError).toBeCloseTo(Math.exp(-mean) * Math.sqrt(variance / 3), 9);
});

it("weighs texts by their words and bytes", async () => {
  const result = await metrics("text", [
    { kind: "text", text: "ab ca  a" }, // 8 tokens: ln p = -9; 3 words, 8 bytes
    { kind: "text", text: "" }, // one "word"
    { kind: "text", text: " é🙂éé🙂hhhhhhhh" }, // 14 tokens in two windows: -1 - 15 - 11 - 36 = -63; 2 words, 23 bytes
  ]);
  expect(result.wordPerplexity?.value).toBeCloseTo(Math.exp(72 / 6), 6);
  expect(result.bytePerplexity?.value).toBeCloseTo(Math.exp(72 / 31), 9);
  expect(result.bitsPerByte?.value).toBeCloseTo(72 / 31 / Math.LN2, 9);
});

it("names the line of what cannot be scored", async () => {
  await expect(metrics("piqa", [choice(0, "a", "b"), choice(0, "aaaaaaaaa", "b")])).rejects.toThrow(
    "task.jsonl:2: what is to be scored has 9 tokens, expected at most 8",
  );
  await expect(metrics("piqa", [choice(0, "z", "b")])).rejects.toThrow('task.jsonl:1: Character "z"');
});
