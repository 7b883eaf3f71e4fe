import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { beforeAll, describe, expect, it } from "vitest";
import { importCommand } from "../../src/cli/import-command.ts";
import { logitsCommand } from "../../src/cli/logits-command.ts";
import { readSafetensors, type StoredTensor } from "../../src/formats/index.ts";
import { required } from "../../src/required.ts";
import { json, TINY, useCommandLine } from "../support/command-line.ts";
import { expectClose, values } from "../support/values.ts";

const { at, answer, run } = useCommandLine();
const fixture = new URL("../fixtures/tokenformer-l2-norm-gelu", import.meta.url).pathname;

const asValues = ({ shape, data }: StoredTensor) => values(shape, Array.from<number | bigint, number>(data, Number));

beforeAll(async () => {
  await cp(fixture, at("published"), { recursive: true });
  await answer("import", "published", "--to", "model");
  // A tokenizer with fewer tokens than the model's padded vocabulary of 128.
  await answer("tokenize", "--data", "text.txt", "--to", "text.bin");
  await rename(at("text.tokenizer.json"), at("tokenizer.json"));
  await rm(at("text.bin"));
});

it("imports a published checkpoint, whose logits are those of an independent implementation", async () => {
  const { input_ids: tokens } = JSON.parse(await readFile(at("published", "expected.json"), "utf8"));
  await writeFile(at("tokens.json"), JSON.stringify(tokens));
  expect(await answer("logits", "model", "--tokens", "tokens.json", "--to", "logits.safetensors")).toBe(
    "logits.safetensors: logits [2, 16, 128]\n",
  );
  const { tensors: found } = await readSafetensors(at("logits.safetensors"));
  const { tensors: expected } = await readSafetensors(at("published", "expected.safetensors"));
  expect([...found.keys()]).toEqual(["logits"]);
  expectClose(asValues(required(found, "logits")), asValues(required(expected, "logits")), 1e-5);
});

it("tells what it imported", async () => {
  const told = json(await answer("import", "published/pytorch_model.bin", "--to", "again", "--json"));
  expect(told).toMatchObject({
    weights: "published/pytorch_model.bin",
    config: "published/config.yml",
    parameters: 22_080,
    tokenizer: false,
    model: { vocabulary: 128, context: 16, heads: 4, rotaryFraction: 0.25, tokens: { query: 24, projection: 20 } },
  });
  expect(await answer("import", "published", "--to", "with", "--tokenizer", "tokenizer.json")).toBe(
    'published/pytorch_model.bin with published/config.yml: tokenformer of 22.1 k parameters, saved to with\nwrite with: tokenformer sample with --prompt "…"\n',
  );
});

it("asks for a tokenizer where text needs one, and uses the one that is named", async () => {
  expect(await readdir(at("model"))).toEqual(["config.json", "model.safetensors", "training.json"]);
  expect(await answer("inspect", "model")).toMatch(/^tokenformer at step 0, imported, without a tokenizer\n/);
  const asked = ["sample", "eval", "grow"].map((command) =>
    run(command, "model", ...(command === "grow" ? ["--to", "x", "--add", "all=4"] : [])),
  );
  for (const { code, stderr } of await Promise.all(asked)) {
    expect(code).toBe(1);
    expect(stderr).toBe(
      "tokenformer: model: has no tokenizer, which turns text into the model's tokens; name one with --tokenizer FILE.json\n",
    );
  }
  const tokenizer = ["--tokenizer", "tokenizer.json"];
  expect(await answer("sample", "model", "--prompt", "the sea", "--tokens", "3", ...tokenizer)).toMatch(
    /^the sea.{3}\n/s,
  );
  const evaluated = json(await answer("eval", "model", "--data", "text.txt", "--json", ...tokenizer));
  expect(evaluated).toMatchObject({ loss: expect.any(Number), tokens: 399 });
});

it("takes a tokenizer with the parts of GPT-NeoX-20B's, but none with more tokens than the model", async () => {
  const neox = async (vocabulary: number) => {
    const name = `neox-20b/${vocabulary}`;
    await answer("tokenize", "--data", "text.txt", "--to", `${name}.bin`, "--tokenizer", `bpe:${vocabulary - 5}`);
    const { model, ...others } = JSON.parse(await readFile(at(`${name}.tokenizer.json`), "utf8"));
    const words = Object.entries<number>(model.vocab).map(([word, id]) => [word, id + 2]);
    const added = (id: number, content: string) => {
      const special = content.startsWith("<");
      return { id, content, special, normalized: !special, single_word: false, lstrip: false, rstrip: false };
    };
    const spaces = [4, 3, 2].map((length, index) => added(vocabulary - 3 + index, " ".repeat(length)));
    const level = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true };
    const whole = {
      ...others,
      added_tokens: [added(0, "<|endoftext|>"), added(1, "<|padding|>"), ...spaces],
      normalizer: { type: "NFC" },
      pre_tokenizer: level,
      post_processor: level,
      decoder: level,
      model: { ...model, vocab: Object.fromEntries([["<|endoftext|>", 0], ["<|padding|>", 1], ...words]) },
    };
    await writeFile(at("neox-20b", "tokenizer.json"), JSON.stringify(whole));
  };
  await mkdir(at("neox-20b"));
  await neox(300);
  const { code, stderr } = await run("import", "published", "--to", "large", "--tokenizer", "neox-20b/tokenizer.json");
  expect({ code, stderr }).toMatchObject({
    code: 1,
    stderr:
      "tokenformer: neox-20b/tokenizer.json: the tokenizer has 300 tokens, but the model 128; name the tokenizer that the model was trained with\n",
  });
  // The fixture's vocabulary has no room for all bytes, so a model is made that has.
  await answer(
    "train",
    ...TINY,
    "--set",
    "training.steps=1",
    "--set",
    "model.vocabulary=384",
    "--data",
    "text.txt",
    "--out",
    "base",
  );
  await answer("export", "base", "--format", "neox", "--to", "base-published");
  await answer("import", "base-published", "--to", "based", "--tokenizer", "neox-20b/tokenizer.json");
  const text = "the sea,\n    old  ship 🐋<|endoftext|>";
  expect(await answer("sample", "based", "--prompt", text, "--tokens", "2")).toContain(text);
});

it("trains on from an imported model, and grows it", async () => {
  const data = ["--data", "text.txt"];
  const tokenizer = ["--tokenizer", "tokenizer.json"];
  await answer("grow", "model", "--to", "grown", "--add", "ffn=16", ...data, ...tokenizer);
  const trained = await answer("train", "--resume", "--out", "grown", ...data, "--set", "training.steps=3", "--json");
  expect(json(trained)).toMatchObject({ step: 3, parameters: 22_080 + 2 * 2 * 16 * 32 });
  await cp(at("model"), at("on"), { recursive: true });
  const on = ["train", "--resume", "--out", "on", ...data, "--set", "training.steps=3", "--json"];
  expect((await run(...on)).stderr).toContain("on: has no tokenizer");
  expect(json(await answer(...on, "--tokenizer", "tokenizer.json"))).toMatchObject({ step: 3 });
  expect(await answer("sample", "on", "--tokens", "2")).toMatch(/^.{2}\n/s);
});

it("exports, for the published code and as safetensors, what imports again", async () => {
  expect(await answer("export", "model", "--format", "neox", "--to", "neox")).toBe(
    "neox/pytorch_model.bin\nneox/config.yml\n",
  );
  const written = await answer(
    "export",
    "model",
    "--format",
    "safetensors",
    "--to",
    "st",
    "--dtype",
    "bfloat16",
    "--json",
  );
  expect(json(written)).toEqual({ files: ["st/model.safetensors", "st/config.json"] });
  await answer("import", "neox", "--to", "back");
  expect(await readFile(at("back", "model.safetensors"))).toEqual(await readFile(at("model", "model.safetensors")));
  await answer(
    "grow",
    "model",
    "--to",
    "wider",
    "--add",
    "ffn=16",
    "--data",
    "text.txt",
    "--tokenizer",
    "tokenizer.json",
  );
  const refused = await run("export", "wider", "--format", "neox", "--to", "no");
  expect(refused.stderr).toBe(
    "tokenformer: wider: blocks.0.feedForward has τ 6.9282 with 64 parameter tokens, but the published layout has τ = √n = 8; add --convert to append tokens that change nothing until it fits\n",
  );
  expect(await answer("export", "wider", "--format", "neox", "--to", "yes", "--convert")).toContain("yes/config.yml");
});

describe("answers mistakes in a line", () => {
  /** What a command throws in this process, which is faster; paths as they are typed in the tests' folder. */
  const refusal = async (command: Command, ...args: string[]) => {
    const placed = args.map((arg) => (arg.startsWith("--") ? arg : at(arg)));
    const error = await command.parseAsync(placed, { from: "user" }).then(() => "nothing", String);
    return error.replaceAll(`${at()}/`, "");
  };
  const tokens = (content: string) => async () => {
    await writeFile(at("wrong.json"), content);
    return refusal(logitsCommand(), "model", "--tokens", "wrong.json", "--to", "wrong.safetensors");
  };
  const from =
    (folder: string, change: () => Promise<unknown> = async () => undefined) =>
    async () => {
      await rm(at("new"), { recursive: true, force: true });
      await cp(at("published"), at("new"), { recursive: true });
      await change();
      return refusal(importCommand(), folder, "--to", "none");
    };

  it.each([
    [
      "ragged tokens",
      tokens("[[1,2],[3]]"),
      "wrong.json: 1: has 1 tokens, expected 2 as in the first sequence; correct the file",
    ],
    [
      "a token out of range",
      tokens("[[1,128]]"),
      "wrong.json: 0.1: is 128, expected a token id from 0 to 127; correct the file",
    ],
    [
      "no tokens",
      tokens("[[]]"),
      "wrong.json: holds no tokens, expected a list of lists of token ids; correct the file",
    ],
    [
      "tokens of no batch",
      tokens("[1,2]"),
      "wrong.json: 0: expected a list of token ids (and 1 more); correct the file",
    ],
    ["a part of a token", tokens("[[1.5]]"), "wrong.json: 0.0: is 1.5, expected a whole number; correct the file"],
    [
      "tokens beyond the context",
      tokens(JSON.stringify([new Array(17).fill(1)])),
      "wrong.json: has 17 tokens a sequence, expected up to the model's context of 16; correct the file",
    ],
    ["nothing there", from("gone"), "gone: there is no such file or folder; check the path"],
    [
      "a run",
      async () => {
        return refusal(importCommand(), "model", "--to", "none");
      },
      "model/config.json: is the configuration of a run of this program, which needs no import; use the folder",
    ],
    [
      "no configuration",
      from("new", () => rm(at("new", "config.yml"))),
      "new: no configuration there, expected config.json or one .yml beside the weights; name it with --config FILE",
    ],
    [
      "two configurations",
      from("new", () => cp(at("new", "config.yml"), at("new", "other.yaml"))),
      "new: config.yml, other.yaml could be meant, expected config.json or one .yml beside the weights; name it with --config FILE",
    ],
    [
      "a configuration that is no YAML",
      from("new", () => writeFile(at("new", "config.yml"), '{"num_layers": [1, }')),
      /^new\/config\.yml: is not the YAML or JSON that it should be \(.+\); correct it$/,
    ],
    [
      "weights cut short",
      from("new", async () => {
        const whole = await readFile(at("new", "pytorch_model.bin"));
        await writeFile(at("new", "pytorch_model.bin"), whole.subarray(0, 50_000));
      }),
      /^new\/pytorch_model\.bin: as a zip archive it cannot be read \(.+\); it is damaged or cut short: copy it again$/,
    ],
    [
      "a folder without weights",
      from("new", async () => {
        for (const name of ["pytorch_model.bin", "expected.safetensors"]) await rm(at("new", name));
      }),
      "new: no weights there, expected model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json or one other; name the file",
    ],
  ] as const)("%s", async (_, act, message) => {
    const error = await act();
    expect(error).toMatch(/^UserError: [^\n]+$/);
    const line = error.replace("UserError: ", "");
    if (typeof message === "string") expect(line).toBe(message);
    else expect(line).toMatch(message);
    for (const name of ["none", "wrong.safetensors"]) expect(await readdir(at())).not.toContain(name);
  });

  it("a folder that holds a run", async () => {
    const { stderr } = await run("import", "published", "--to", "model");
    expect(stderr).toBe("tokenformer: model: already holds a run; choose another folder\n");
  });
});
