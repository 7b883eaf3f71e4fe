/** From a text to a model that converses: the commands of the guide, in small. */

import { readFile, writeFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { json, TINY, useCommandLine } from "../support/command-line.ts";

const { answer, at, metrics, run } = useCommandLine();

const lines = (values: readonly unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join("");

beforeAll(async () => {
  const talks = Array.from({ length: 40 }, (_, index) => ({
    messages: [
      { role: "user", content: `the whale ${index % 7}?` },
      { role: "assistant", content: "the sea é" },
    ],
  }));
  await writeFile(at("talks.jsonl"), lines(talks));
  const prompts = [
    { prompt: "the ", completion: "whale" },
    { prompt: "a ", completion: "ship ".repeat(30).trim() },
  ];
  await writeFile(at("prompts.jsonl"), lines(Array.from({ length: 12 }, (_, index) => prompts[index % 2])));
  const settings = ["--set", "model.context=48", "--tokenizer", "character"];
  await answer("train", ...TINY, ...settings, "--data", "text.txt", "--out", "book");
});

describe("fine-tuning", () => {
  it("takes new characters and an end of text into a model of characters, and keeps the form of conversations", async () => {
    const options = ["--from", "book", "--restart", "--data", "talks.jsonl", "--set", "training.steps=7"];
    const refused = await run("train", ...options, "--out", "tuned");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /^tokenformer: talks\.jsonl:1: Character ":" \(U\+003A\) at 1:5 is not in the vocabulary/m,
    );
    const extend = ["--extend-vocabulary", "--special-tokens", "<|endoftext|>"];
    await answer("train", ...options, ...extend, "--out", "tuned", "--separate-documents");
    const tokenizer = JSON.parse(await readFile(at("tuned", "tokenizer.json"), "utf8"));
    expect(Object.keys(tokenizer.model.vocab)).toContain("é");
    expect(JSON.parse(await readFile(at("tuned", "config.json"), "utf8"))).toMatchObject({
      model: { vocabulary: Object.keys(tokenizer.model.vocab).length },
    });
    expect(await readFile(at("tuned", "tokenizer_config.json"), "utf8")).toContain("message.role");
    const all = ["--set", "training.evaluationTokens=0"];
    await answer("train", "--resume", "--out", "tuned", "--set", "training.steps=9", ...all);
    const told = json(await answer("eval", "tuned", "--json"));
    // Bytes are those of what is learned, as while training.
    const validation = (await metrics("tuned")).findLast((record) => record["bitsPerByte"] !== undefined);
    for (const key of ["bitsPerByte", "perplexity"])
      expect(Number(Object(told)[key]) / Number(validation?.[key]), key).toBeCloseTo(1, 6);
  });

  it("tells of what is longer than the context, and is no work for token files", async () => {
    const { code, stderr } = await run(
      ...["train", "--from", "book", "--restart", "--data", "prompts.jsonl", "--set", "training.steps=3"],
    );
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^warning: \S*prompts.jsonl:2 and 4 more are longer than the context of 48 tokens, and what goes beyond is not learned$/m,
    );
    expect((await run("tokenize", "--data", "prompts.jsonl", "--to", "p.bin")).stderr).toBe(
      "tokenformer: prompts.jsonl: has prompts or conversations, of which token files do not say what is learned; give it to train as it is\n",
    );
    expect((await run("train", "--extend-vocabulary")).stderr).toBe(
      "tokenformer: --extend-vocabulary: needs --from, the run whose vocabulary to extend\n",
    );
  });
});
