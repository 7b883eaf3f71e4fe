import { readdir, readFile, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { json, TINY, useCommandLine } from "../support/command-line.ts";

const { at, answer, metrics, run } = useCommandLine();

it("lists the presets", async () => {
  const presets = json(await answer("presets", "--json"));
  expect(presets).toContainEqual(
    expect.objectContaining({
      name: "mini",
      config: expect.objectContaining({ formatVersion: 1 }),
      parameters: expect.objectContaining({ total: 1_057_152 }),
    }),
  );
  expect(await answer("presets")).toMatch(/^ {2}mini +1\.06 M /m);
});

it("turns a text into tokens, on which a model trains with their own tokenizer beside them", async () => {
  const made = json(
    await answer("tokenize", "--data", "text.txt", "--to", "text.bin", "--tokenizer", "bpe:300", "--json"),
  );
  expect(made).toMatchObject({ file: "text.bin", tokenizer: "text.tokenizer.json", vocabulary: 300 });
  const trained = await answer("train", ...TINY, "--data", "text.bin", "--out", "run", "--json");
  expect(json(trained)).toMatchObject({ step: 6, interrupted: false });
  expect(await answer("sample", "run", "--prompt", "the €", "--tokens", "5")).toMatch(/^the €/);
});

it("writes tokens into the folder of a run, and beside others, without touching what is there", async () => {
  const tokenize = (to: string, tokenizer: string) =>
    run("tokenize", "--data", "text.txt", "--to", to, "--tokenizer", tokenizer);
  await answer("train", ...TINY, "--data", "text.txt", "--out", "characters");
  const before = await readFile(at("characters", "tokenizer.json"), "utf8");
  expect(await tokenize("characters/a.bin", "bpe:290")).toMatchObject({ code: 0 });
  expect(await tokenize("characters/b.bin", "bpe:300")).toMatchObject({ code: 0 });
  expect(await readFile(at("characters", "tokenizer.json"), "utf8")).toBe(before);
  for (const [name, vocabulary] of [
    ["a", 290],
    ["b", 300],
  ] as const) {
    await answer("train", ...TINY, "--data", `characters/${name}.bin`, "--out", `of-${name}`);
    expect(json(await answer("inspect", `of-${name}`, "--json"))).toMatchObject({ vocabulary: { size: vocabulary } });
  }
  expect(await tokenize("characters/a.bin", "bpe:300")).toEqual({
    code: 1,
    stdout: "",
    stderr: "tokenformer: characters: already holds a.bin; choose another folder\n",
  });
  expect(json(await answer("tokenize", "--data", "text.txt", "--to", "c.bin", "--json"))).toMatchObject({
    tokenizer: "c.tokenizer.json",
  });
});

it("turns several texts into a folder of tokens, with what is held out apart", async () => {
  await writeFile(at("held.txt"), "the sea ".repeat(30));
  const data = ["--data", "text.txt", "text.txt", "--validation", "held.txt"];
  const text = await answer("tokenize", ...data, "--to", "parts", "--tokenizer", "bpe:300");
  expect(text).toMatch(/^parts\/train\.bin: \d+ tokens of a vocabulary of 300, .*\nparts\/val\.bin: \d+ tokens/);
  expect(await readdir(at("parts"))).toEqual([
    "tokenizer.json",
    "train.bin",
    "train.bin.json",
    "val.bin",
    "val.bin.json",
  ]);
  const { code, stderr } = await run("train", ...TINY, "--data", "parts", "--out", "of-parts");
  expect(code, stderr).toBe(0);
  const header = JSON.parse(await readFile(at("parts", "train.bin.json"), "utf8"));
  const length = (await readFile(at("text.txt"))).length;
  expect(header).toMatchObject({ textBytes: 2 * length + 1, vocabularySize: 300 });
});

it("demonstrates: trains on the book, grows twice, writes text and a report", async () => {
  const { code, stdout, stderr } = await run("demo", ...TINY, "--out", "demo");
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^\nCall me Ishmael\. .{240}\n\n$/s);
  expect(stderr).toContain("curve and samples: demo/report.html\nwrite more with: npx tokenformer sample demo");
  const grown = (await metrics("demo")).flatMap(({ growth, step }) => (growth === undefined ? [] : [step]));
  expect(grown).toEqual([2, 4]);
  const page = await readFile(at("demo", "report.html"), "utf8");
  expect(page).toMatch(/^<!doctype html>/i);
  expect(page).toContain("A TokenFormer, grown while it learns");
  expect(await readdir(at("demo"))).toContain("model.safetensors");
});

it("tells its version, and how it is used where no command is given", async () => {
  expect(await answer("--version")).toMatch(/^\d+\.\d+\.\d+\n$/);
  const { code, stdout, stderr } = await run();
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^Usage: tokenformer \[options\] \[command\]\n/);
});
