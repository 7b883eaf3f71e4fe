/** What a user is told that is no error: what is passed over, and what is hardly meant. */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { complaint } from "../../src/cli/complaint.ts";
import { configSchema, presets, warningsOf } from "../../src/configuration/index.ts";
import { nearKey } from "../../src/configuration/near-key.ts";
import { TINY, useCommandLine } from "../support/command-line.ts";

const { at, run, answer } = useCommandLine();

beforeAll(async () => {
  await mkdir(at("books", "drafts"), { recursive: true });
  await writeFile(at("books", "a.txt"), "the whale and the sea\n".repeat(40));
  await writeFile(at("books", "b.txt"), "a ship in deep water\n".repeat(40));
  await writeFile(at("books", "empty.txt"), "");
  await writeFile(at("books", "notes.py"), "not a book");
});

const PASSED_OVER =
  "books: reads a.txt, b.txt; passes over empty.txt (empty), notes.py (not .txt, .md, .jsonl or .parquet)\n";

describe("a folder of texts", () => {
  it("is read without what is empty or no text, and tells which files those are", async () => {
    const { code, stderr } = await run("train", ...TINY, "--data", "books");
    expect(code).toBe(0);
    expect(stderr.startsWith(PASSED_OVER)).toBe(true);
    const tokenized = await run("tokenize", "--data", "books", "--to", "books.bin");
    expect(tokenized).toMatchObject({ code: 0, stderr: PASSED_OVER });
    const whole = `${"the whale and the sea\n".repeat(40)}\n${"a ship in deep water\n".repeat(40)}`;
    expect(tokenized.stdout).toContain(`books.bin: ${whole.length} tokens of a vocabulary of ${new Set(whole).size},`);
  });
});

it("what is trained on and held out, and a vocabulary that the text cannot fill, are told", async () => {
  const { code, stderr } = await run(
    ...["train", ...TINY, "--data", "text.txt", "--validation", "./text.txt", "--tokenizer", "bpe:9000"],
  );
  expect(code).toBe(0);
  expect(stderr).toMatch(
    /^warning: \S+text\.txt is trained on and held out, so that the validation loss tells nothing/,
  );
  expect(stderr).toMatch(/\nwarning: the text has pairs for a vocabulary of \d+ only, not of 9000\n/);
});

it("a model with an unknown token takes any prompt", async () => {
  await answer("train", ...TINY, "--data", "books", "--out", "unknown", "--tokenizer", "character+unknown");
  expect(JSON.parse(await readFile(at("unknown", "config.json"), "utf8"))).toMatchObject({
    tokenizer: "character+unknown",
  });
  expect(await answer("sample", "unknown", "--prompt", "the €", "--tokens", "2")).toMatch(/^the €.+\n$/s);
});

describe("warnings", () => {
  const warnings = (training: Record<string, unknown>, growth: unknown[] = []) =>
    warningsOf(configSchema.parse({ ...presets.mini.config, training: { steps: 60, warmup: 7, ...training }, growth }));

  it("there are none for what is usual", () => {
    expect(warnings({})).toEqual([]);
    for (const { config } of Object.values(presets)) expect(warningsOf(configSchema.parse(config))).toEqual([]);
  });

  it("tell of a warm-up without an end", () => {
    expect(warnings({ warmup: 119, learningRate: 0.01 })).toEqual([
      "the warm-up of 119 steps is no shorter than the training of 60 steps: the learning rate rises to 0.005 of 0.01 and never falls; lower training.warmup",
    ]);
    const restart = { step: 50, add: { query: 5 }, restart: true, learningRate: 0.02 };
    expect(warnings({ warmup: 19 }, [restart])).toEqual([
      "the warm-up of 19 steps is no shorter than the training of 10 steps after the restart at step 50: the learning rate rises to 0.01 of 0.02 and never falls; lower training.warmup",
    ]);
    expect(warnings({ warmup: 59 })).toEqual([]);
  });

  it("tell of a minimum above the rate", () => {
    expect(warnings({ learningRate: 1e-3, minimumLearningRate: 0.01 })).toEqual([
      "training.minimumLearningRate is 0.01, above the learning rate of 0.001: the rate rises towards the end; lower it",
    ]);
    expect(warnings({ learningRate: 1e-3, minimumLearningRate: 0.01, schedule: "constant" })).toEqual([]);
  });

  it("tell of what never comes to pass", () => {
    expect(warnings({ evaluateAt: [5, 61], batch: 12, microBatch: 13 })).toEqual([
      "training.evaluateAt: 61 is after the last step, 60",
      "training.microBatch is 13, above the batch of 12: a pass has 12 sequences",
    ]);
    expect(warnings({}, [{ step: 50, add: { query: 5 }, rewarm: 10, freeze: 11 }])).toEqual([
      "growth at step 50: rewarm is 10, and only 10 steps are left; lower it",
      "growth at step 50: freeze is 11, and only 10 steps are left: old tokens stay frozen to the end",
    ]);
    expect(warnings({}, [{ step: 60, add: { query: 5 } }])).toEqual([]);
  });

  it("are printed before training", async () => {
    const { code, stderr } = await run("train", ...TINY, "--data", "text.txt", "--set", "training.warmup=100");
    expect(code).toBe(0);
    expect(stderr).toContain("\nwarning: the warm-up of 100 steps is no shorter than the training of 6 steps: ");
  });
});

describe("the key that is meant", () => {
  const known = [
    ...[
      "model",
      "model.layers",
      "model.width",
      "model.heads",
      "model.context",
      "model.tokens",
      "model.tokens.feedForward",
    ],
    ...[
      "training",
      "training.steps",
      "training.batch",
      "training.learningRate",
      "training.clip",
      "training.evaluateEvery",
    ],
    "tokenizer",
  ];

  it.each([
    ["lr", "training.learningRate"],
    ["learning_rate", "training.learningRate"],
    ["LearningRate", "training.learningRate"],
    ["training.lr", "training.learningRate"],
    ["model.learningRate", "training.learningRate"],
    ["training.lerningRate", "training.learningRate"],
    ["batchSize", "training.batch"],
    ["training.batch_size", "training.batch"],
    ["n_layer", "model.layers"],
    ["model.n_layer", "model.layers"],
    ["num_hidden_layers", "model.layers"],
    ["n_embd", "model.width"],
    ["block_size", "model.context"],
    ["max_iters", "training.steps"],
    ["steps", "training.steps"],
    ["stesp", "training.steps"],
    ["eval_interval", "training.evaluateEvery"],
    ["grad_clip", "training.clip"],
    ["ffn_slot_num", "model.tokens.feedForward"],
    ["Training", "training"],
    ["tokeniser", "tokenizer"],
    ["colour", undefined],
    ["x", undefined],
    ["training.no", undefined],
    ["growth.1.lr", "growth.1.learningRate"],
    ["growth.1.learning_rate", "growth.1.learningRate"],
    ["growth.1.lerningRate", "growth.1.learningRate"],
    ["growth.1.batchSize", "training.batch"],
  ])("by %s is %s", (wrong, meant) => {
    // Of a list, the keys of the item alone that is meant.
    const plan = ["growth", "growth.1", "growth.1.step", "growth.1.learningRate"];
    expect(nearKey(wrong, wrong.startsWith("growth") ? [...known, ...plan] : known)).toBe(meant);
  });

  it("is not offered where it is none of the known", () => {
    expect(nearKey("n_layer", ["training.steps"])).toBeUndefined();
  });
});

it("a complaint of several lines is one line", () => {
  expect(complaint("error: unknown option '--x'\n(Did you mean one of --xy, --xz?)\n", undefined)).toBe(
    "unknown option '--x'; did you mean one of --xy, --xz? See `tokenformer --help`",
  );
});

it.each([
  ["train", "steps", "training.steps"],
  ["demo", "n-layer", "model.layers"],
  ["adapt", "steps", "training.steps"],
  ["adapt", "n-layer", undefined],
  ["study", "steps", undefined],
])("%s --%s is told what to --set, where the command has it: %s", (command, option, key) => {
  const mend = key === undefined ? "" : `; set ${key} with --set ${key}=…`;
  expect(complaint(`error: unknown option '--${option}'`, command)).toBe(
    `unknown option '--${option}'${mend}; see \`tokenformer ${command} --help\``,
  );
});

describe("the token that ends a text", () => {
  it("is one of the special tokens, in token files and in runs, and sample ends at it", async () => {
    const files = ["--data", "books/a.txt", "books/b.txt", "--special-tokens", "<END>"];
    await answer("tokenize", ...files, "--tokenizer", "bpe:270", "--to", "ended.bin");
    expect(await readFile(at("ended.tokenizer_config.json"), "utf8")).toContain('"eos_token": "<END>"');
    await answer("train", ...TINY, "--data", "ended.bin", "--out", "ended");
    await answer("train", ...TINY, ...files, "--tokenizer", "character", "--out", "characters");
    for (const name of ["ended", "characters"]) {
      expect(await readFile(at(name, "tokenizer_config.json"), "utf8")).toContain('"eos_token": "<END>"');
    }
    // Of all the tokens that can be written, a model that knows little writes the last one sooner or later.
    const written = JSON.parse(
      await answer("sample", "characters", "--tokens", "4000", "--temperature", "3", "--json"),
    );
    expect(written).toMatchObject({ finish: "stop" });
    expect(written.text).not.toContain("<END>");
  });
});

describe("lines of JSON", () => {
  it("are texts, whose key is remembered", async () => {
    const lines = Array.from({ length: 40 }, (_, line) => `${JSON.stringify({ said: `the whale ${line}` })}\n`);
    await writeFile(at("said.jsonl"), lines.join(""));
    await answer("train", ...TINY, "--data", "said.jsonl", "--text-key", "said", "--out", "said");
    await answer("train", "--out", "said", "--resume", "--set", "training.steps=8");
    const { code, stderr } = await run("train", ...TINY, "--data", "said.jsonl");
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("said.jsonl:1: text: is missing"),
    });
  });
});
