/** Texts as they come: trees of files, lines of JSON, compressed, long; and what stands between them. */

import { spawnSync } from "node:child_process";
import files, { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { basename, dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { type DataProgress, describeFolders, openCorpus, openTexts } from "../../src/data/index.ts";
import { temporaryName } from "../../src/formats/index.ts";
import {
  CharacterTokenizer,
  type Corpus,
  closeCorpus,
  endOfText,
  loadTokenizer,
  type TokenSource,
  trainBytePairEncoding,
  writeTokenFile,
} from "../../src/text/index.ts";
import { failure, useFolder } from "../formats/helpers.ts";
import { CHARACTERS_OF_NANOGPT } from "../support/pickles.ts";

const folder = useFolder();

const write = async (name: string, contents: string | Uint8Array) => {
  await mkdir(dirname(folder.at(name)), { recursive: true });
  await writeFile(folder.at(name), contents);
  return folder.at(name);
};

const all = (tokens: TokenSource) => [...tokens.read(0, tokens.length)];
const textOf = ({ tokenizer, train, validation }: Corpus) => tokenizer.decode([...all(train), ...all(validation)]);
const message = async (...args: Parameters<typeof openCorpus>) =>
  (await failure(openCorpus(...args))).replaceAll(folder.at(), "<folder>");

const lines = (values: readonly unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join("");

describe("a tree", () => {
  beforeEach(async () => {
    await write("b.txt", "2");
    await write("a/z.md", "1");
    await write("a/b/c.jsonl", lines([{ text: "3" }, { text: "" }, { text: "4\n5", other: 1 }]));
    await write("c.txt.gz", gzipSync("6"));
    await write("d.py", "7");
    await write("e.txt", "");
    await write(".git/f.txt", "8");
  });

  it("is read with its folders, in the order of the paths, and tells what is passed over", async () => {
    expect(textOf(await openCorpus(folder.at(), "character"))).toBe("3\n4\n5\n1\n2\n6");
    expect(await describeFolders(folder.at())).toEqual([
      `${folder.at()}: reads a/b/c.jsonl, a/z.md, b.txt, c.txt.gz; passes over .git (hidden), d.py (not .txt, .md, .jsonl or .parquet), e.txt (empty)`,
    ]);
  });

  it("has no links back to itself followed", async () => {
    await symlink("..", folder.at("a", "up"));
    await symlink("a/b", folder.at("z"));
    expect(textOf(await openCorpus(folder.at(), "character"))).toBe("3\n4\n5\n1\n2\n6\n3\n4\n5");
    expect((await describeFolders(folder.at())).join()).toContain("; passes over .git (hidden), a/up (not .txt,");
  });
});

describe("lines of JSON", () => {
  it("have their texts under a key that can be named", async () => {
    const file = await write("a.jsonl", `${lines([{ content: "ab", text: 1 }])}\r\n${lines([{ content: "c" }])}`);
    expect(textOf(await openCorpus({ train: [file], textKey: "content" }, "character"))).toBe("ab\nc");
  });

  it("are told by their number where they are none, or have no text", async () => {
    const broken = await write("a.jsonl", '{"text": "a"}\n\n{"text": "b}\n');
    expect(await message(broken, "character")).toBe(
      "UserError: <folder>/a.jsonl:3:10: this is not JSON; expected one JSON object a line",
    );
    const other = await write("b.jsonl", lines([{ text: "a" }, { txt: "b" }]));
    expect(await message(other, "character")).toMatch(
      /^UserError: <folder>\/b.jsonl:2: text: is missing, expected a text/,
    );
    const empty = await write("c.jsonl", lines([{ text: "" }]));
    expect(await message(empty, "character")).toBe(
      'UserError: <folder>/c.jsonl: has no text under "text", expected one a line; name the key with --text-key',
    );
  });
});

describe("between texts", () => {
  const names = async () => [await write("a.txt", "the cat"), await write("b.txt", "a dog")];

  it("is the token that ends a text, where the tokenizer has one", async () => {
    for (const choice of ["bpe:258", "character", "character+unknown"]) {
      const corpus = await openCorpus({ train: await names(), specialTokens: ["<|endoftext|>", "<pad>"] }, choice);
      expect(textOf(corpus)).toBe("the cat<|endoftext|>a dog");
      const ids = [...all(corpus.train), ...all(corpus.validation)];
      const end = endOfText(corpus.tokenizer)?.id;
      expect(end).toBe(corpus.tokenizer.vocabularySize - 2);
      expect(ids.filter((id) => id === end)).toHaveLength(1);
      expect([...corpus.tokenizer.encode("cat<pad>")].at(-1)).toBe(corpus.tokenizer.vocabularySize - 1);
    }
  });

  it("is the first of the special tokens, whatever its name, and the run remembers", async () => {
    const { tokenizer } = await openCorpus({ train: await names(), specialTokens: ["<END>", "<b>"] }, "character");
    expect(endOfText(tokenizer)?.content).toBe("<END>");
    expect(tokenizer.settings?.json).toEqual({ eos_token: "<END>" });
    const read = loadTokenizer(tokenizer.toJSON(), "test");
    expect(read.kind).toBe("character");
    expect([...read.encode("a<END>c<b>")]).toEqual([...tokenizer.encode("a<END>c<b>")]);
    expect(read.decode(read.encode("a<END>c<b>"))).toBe("a<END>c<b>");
  });

  it("special tokens are for a tokenizer that is made, and are different texts", async () => {
    const [file = ""] = await names();
    const tokenizer = await write("t.json", JSON.stringify(CharacterTokenizer.fromText("the cat").toJSON()));
    const specialTokens = ["<a>"];
    expect(await message({ train: [file], specialTokens }, tokenizer)).toBe(
      "UserError: --special-tokens: <folder>/t.json has its own, expected a tokenizer that is made here; leave them out",
    );
    for (const choice of ["character", "bpe:300"]) {
      expect(await message({ train: [file], specialTokens: ["<a>", "<a>"] }, choice)).toBe(
        'UserError: special tokens: "<a>" is empty or there twice, expected different texts',
      );
    }
  });
});

describe("a way to read data", () => {
  it("is refused by name where it cannot apply", async () => {
    const plain = await write("a.txt", "the cat");
    const records = await write("b.jsonl", lines([{ prompt: "the", completion: " cat" }]));
    const tokens = folder.at("c.bin");
    const chosen = CharacterTokenizer.fromText("the cat\n");
    await writeTokenFile(tokens, [chosen.encode("the cat")], { vocabularySize: chosen.vocabularySize });
    const noRecords = "has no prompts or conversations, expected lines of JSON that begin with one; name such data";
    const known =
      "is read by the tokenizer of the run, which has its own; take them in with --from RUN --extend-vocabulary";
    const isTokens = "is token files, in which all is tokens already; give the texts that they were made of";
    for (const [file, reading, option, reason] of [
      [
        plain,
        { textKey: "body" },
        "--text-key body",
        "has no texts under keys, expected .jsonl or .parquet; name such data",
      ],
      [plain, { lossOn: "all" }, "--loss-on all", noRecords],
      [plain, { separateDocuments: true }, "--separate-documents", noRecords],
      [records, { specialTokens: ["<a>", "<b>"] }, "--special-tokens <a> <b>", known],
      [tokens, { textKey: "body" }, "--text-key body", isTokens],
      [tokens, { lossOn: "completion" }, "--loss-on completion", isTokens],
      [tokens, { separateDocuments: true }, "--separate-documents", isTokens],
      [tokens, { extendVocabulary: true, specialTokens: ["<a>"] }, "--extend-vocabulary", isTokens],
      [tokens, { specialTokens: ["<a>"] }, "--special-tokens <a>", isTokens],
    ] as const) {
      const name = `<folder>/${basename(file)}`;
      expect(await message({ train: [file], ...reading }, chosen)).toBe(
        `UserError: ${option}: ${name} ${reason}, or leave the option out`,
      );
      // As a run that goes on was read before, or not at all.
      closeCorpus(await openCorpus({ train: [file], ...reading }, chosen, { before: reading }));
    }
    expect(await message({ train: [tokens], specialTokens: ["<a>"] }, "ids")).toContain(isTokens);
    closeCorpus(await openCorpus({ train: [plain], separateDocuments: false, extendVocabulary: false }, chosen));
    await expect(openTexts({ train: [plain], textKey: "body" })).rejects.toThrow(
      /--text-key body: .*a\.txt has no texts/,
    );
  });
});

describe("a character without a token", () => {
  it("is told with its file and its place in that", async () => {
    const chosen = CharacterTokenizer.fromText("ab\n");
    const [first, second] = [await write("a.txt", "ab\nab"), await write("b.txt", "ab\naZ")];
    expect(await message({ train: [first, second] }, chosen)).toMatch(
      /^UserError: <folder>\/b.txt: Character "Z" \(U\+005A\) at 2:2 is not in the vocabulary/,
    );
    const long = await write("c.txt", `${"ab\n".repeat(400_000)}a€`);
    expect(await message(long, chosen)).toMatch(/^UserError: \S+c.txt: Character "€" \(U\+20AC\) at 400001:2 is not/);
  });
});

describe("a long text", () => {
  const text = "the whale, the sea\n  and größer 日本語 'tis 42\r\n".repeat(24_000);

  it("has the tokens that it would have whole, from memory or from disk, and tells how far it has come", async () => {
    const file = await write("long.txt", text);
    const json = trainBytePairEncoding(text, { vocabularySize: 290 });
    const ids = Buffer.from(loadTokenizer(json, "test").encode(text).buffer);
    // Other processes have their own there.
    const temporary = folder.at("temporary");
    await mkdir(temporary);
    vi.stubEnv("TMPDIR", temporary);
    for (const inMemory of [2 ** 25, 1000]) {
      const told: DataProgress[] = [];
      const corpus = await openCorpus(file, "bpe:290", { inMemory, onProgress: (progress) => told.push(progress) });
      expect(corpus.tokenizer.toJSON()).toEqual(json);
      const parts = [corpus.train, corpus.validation].map((tokens) => Uint32Array.from(tokens.read(0, tokens.length)));
      expect(Buffer.concat(parts.map(({ buffer }) => Buffer.from(buffer))).equals(ids)).toBe(true);
      const total = Buffer.byteLength(text);
      expect(told[0]).toMatchObject({ doing: "counting words", total });
      expect(told).toContainEqual({ doing: "merging pairs", done: 34, total: 34 });
      expect(told.at(-1)).toEqual({ doing: "tokenizing", done: total, total });
      closeCorpus(corpus);
      closeCorpus(corpus);
    }
    expect(await readdir(temporary)).toEqual([]);
    vi.unstubAllEnvs();
  });

  it("removes what processes that are gone had written, and nothing else", async () => {
    const name = `tokenformer-tokens${await temporaryName()}`;
    const ended = spawnSync(process.execPath, ["--version"]).pid;
    const stale = name.replace(String(process.pid), String(ended));
    // Of a system that has been quiet for long, and may not be looked into.
    const closed = name.replace(/[0-9a-f]{8}-[0-9a-f]{8}$/, "00000000-00000000");
    const kept = [name, `other${stale.slice(18)}`, "tokenformer-tokens-notes", closed];
    for (const folder of [stale, ...kept]) await write(join("temporary", folder, "tokens.bin"), "");
    vi.stubEnv("TMPDIR", folder.at("temporary"));
    const file = await write("long.txt", text);
    const { readdir: original } = files;
    Object.assign(files, {
      readdir: async (place: string) => {
        if (place === folder.at("temporary", closed)) throw Object.assign(new Error("raw"), { code: "EACCES" });
        return original(place);
      },
    });
    syncBuiltinESMExports();
    try {
      closeCorpus(await openCorpus(file, "character", { inMemory: 1000 }));
    } finally {
      files.readdir = original;
      syncBuiltinESMExports();
    }
    vi.unstubAllEnvs();
    expect(new Set(await readdir(folder.at("temporary")))).toEqual(new Set(kept));
  });
});

describe("token files", () => {
  const ids = [2, 0, 1, 2, 2, 1, 0, 0, 1, 2];
  const bytesOf = (some: readonly number[]) => new Uint8Array(Uint16Array.from(some).buffer);

  it("of nanoGPT have the characters of meta.pkl", async () => {
    await write("train.bin", bytesOf(ids));
    await write("val.bin", bytesOf(ids.slice(0, 4)));
    await write("meta.pkl", CHARACTERS_OF_NANOGPT);
    const corpus = await openCorpus(folder.at(), "character");
    expect(corpus.tokenizer.toJSON()).toEqual(CharacterTokenizer.fromText("\naé").toJSON());
    expect(corpus.tokenizer.decode(all(corpus.train))).toBe("é\naééa\n\naé");
    closeCorpus(corpus);
    await write("meta.pkl", Buffer.from("80047d942e", "hex"));
    expect(await message(folder.at(), "character")).toMatch(
      /^UserError: <folder>\/meta.pkl: has no character for each id/,
    );
    await write("meta.pkl", "no pickle");
    expect(await message(folder.at(), "character")).toMatch(/^UserError: <folder>\/meta.pkl: /);
  });

  it("without a tokenizer are trained on as ids, which are written as their numbers", async () => {
    const file = await write("a.bin", bytesOf(ids));
    expect(await message(file, "character")).toMatch(/or train on the ids alone with --tokenizer ids$/);
    const corpus = await openCorpus(file, "ids");
    expect(corpus.tokenizer.vocabularySize).toBe(3);
    expect(corpus.tokenizer.decode([2, 0, 1])).toBe("2 0 1");
    expect([...corpus.tokenizer.encode(" 2 1\n0 ")]).toEqual([2, 1, 0]);
    expect(all(corpus.train)).toEqual(ids.slice(0, 9));
    for (const other of ["word", "3", "-1"]) {
      expect(() => corpus.tokenizer.encode(`0 ${other}`), other).toThrow(
        `"${other}" is not in the tokenizer's vocabulary, and the unknown token "none: ids are from 0 to 2" neither`,
      );
    }
    closeCorpus(corpus);
    // A run that goes on has the tokenizer itself, and the file may tell by which other one it was made.
    await writeTokenFile(folder.at("b.bin"), [Uint32Array.from(ids)], {
      vocabularySize: 3,
      tokenizerHash: "a".repeat(64),
    });
    const again = await openCorpus(folder.at("b.bin"), loadTokenizer(corpus.tokenizer.toJSON(), "test"));
    expect(all(again.train)).toEqual(ids.slice(0, 9));
    closeCorpus(again);
    for (const highest of [2 ** 20, 1e9]) {
      const options = { vocabularySize: 2 ** 31 };
      await writeTokenFile(folder.at("c.bin"), [Uint32Array.of(...ids, highest)], options);
      expect(await message(folder.at("c.bin"), "ids")).toBe(
        `UserError: <folder>/c.bin: token ${ids.length} has id ${highest}, expected ids below 1048576 for --tokenizer ids; make the token file again with smaller ids, or name its tokenizer with --tokenizer FILE.json`,
      );
    }
    const text = await write(join("t", "a.txt"), "a");
    expect(await message(text, "ids")).toBe(
      'UserError: <folder>/t/a.txt: is text, expected token files for the tokenizer "ids"; choose "character" or "bpe:1024"',
    );
    expect(await message(text, "none")).toBe(
      'UserError: <folder>/t/a.txt: is text, and the tokenizer is "none", expected one that makes tokens of it; choose "character" or "bpe:1024", or name a tokenizer.json',
    );
  });
});
