import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import {
  absoluteData,
  describeFolders,
  EMBEDDED,
  joinedText,
  openCorpus,
  openTexts,
  type TextSource,
  tokenizerForTexts,
} from "../../src/data/index.ts";
import { nameOfData } from "../../src/data/portable.ts";
import {
  CharacterTokenizer,
  hashTokenizer,
  readTokenizer,
  type TokenSource,
  trainBytePairEncoding,
  writeTokenFile,
} from "../../src/text/index.ts";
import { openRun } from "../../src/training/index.ts";
import { failure, useFolder } from "../formats/helpers.ts";
import { text, tinyConfig, tokenizer, writeText } from "../training/support.ts";

const folder = useFolder();

/** The files that the process has open, where the system tells. */
const OPEN_FILES = "/proc/self/fd";

function targetOf(descriptor: string): string {
  try {
    return readlinkSync(join(OPEN_FILES, descriptor));
  } catch {
    return ""; // that of the folder itself, which is closed by now
  }
}

const all = (tokens: TokenSource) => tokens.read(0, tokens.length);
const ids = tokenizer.encode(text);
const boundary = Math.floor(0.9 * ids.length);

/** A file of 16-bit ids without a header, as nanoGPT writes them. */
const writeIds = (name: string, part: Uint32Array) => writeFile(folder.at(name), new Uint16Array(part));

const writeTokenizer = (...names: string[]) =>
  writeFile(folder.at(...names, "tokenizer.json"), JSON.stringify(tokenizer.toJSON()));

const message = async (source: string, choice: string) =>
  (await failure(openCorpus(source, choice))).replaceAll(folder.at(), "<folder>");

describe("a text", () => {
  it("is split into nine tenths and a tenth, by characters", async () => {
    const file = await writeText(folder.at("cats.txt"));
    const { name, train, validation, tokenizer: chosen } = await openCorpus(file, "character");
    expect(name).toBe(file);
    expect(all(train)).toEqual(ids.slice(0, boundary));
    expect(all(validation)).toEqual(ids.slice(boundary));
    expect(chosen.toJSON()).toEqual(tokenizer.toJSON());
  });

  it("is tokenised by the tokenizer given", async () => {
    const wider = CharacterTokenizer.fromText(`ABC${text}`);
    const { train, tokenizer: chosen } = await openCorpus(await writeText(folder.at("cats.txt")), wider);
    expect(chosen).toBe(wider);
    expect(all(train)).toEqual(wider.encode(text).slice(0, boundary));
  });

  it("trains a byte-pair encoding", async () => {
    const corpus = await openCorpus(await writeText(folder.at("cats.txt")), "bpe:263");
    expect(corpus.tokenizer.vocabularySize).toBe(263);
    const decoded = corpus.tokenizer.decode([...all(corpus.train), ...all(corpus.validation)]);
    expect(decoded).toBe(text);
    expect(corpus.train.length).toBeLessThan(boundary);
  });

  it("takes a tokenizer.json", async () => {
    await writeTokenizer();
    const corpus = await openCorpus(await writeText(folder.at("cats.txt")), folder.at("tokenizer.json"));
    expect(all(corpus.train)).toEqual(ids.slice(0, boundary));
  });

  it("comes with the package", async () => {
    const { name, tokenizer: chosen, train } = await openCorpus(EMBEDDED, "character");
    expect(name).toBe("Moby-Dick");
    expect(chosen.decode(all(train))).toContain("Call me Ishmael.");
  });
});

describe("several texts", () => {
  const write = (name: string, contents: string) => writeFile(folder.at(name), contents);
  const names = (...files: string[]) => files.map((file) => folder.at(file));

  it("are one, with a line break between them", async () => {
    await write("a.txt", "the cat\n");
    await write("b.txt", "a dog");
    const {
      name,
      train,
      validation,
      tokenizer: chosen,
    } = await openCorpus({ train: names("b.txt", "a.txt") }, "character");
    expect(name).toBe(`${folder.at("b.txt")}, ${folder.at("a.txt")}`);
    expect(chosen.decode([...all(train), ...all(validation)])).toBe("a dog\nthe cat\n");
    expect([train.length, validation.length]).toEqual([12, 2]);
  });

  it("of a folder are in the order of their names", async () => {
    await write("b.txt", "2");
    await write("a.TXT", "1");
    await write("notes.py", "x");
    await mkdir(folder.at("c.txt.d"));
    const { train, validation, tokenizer: chosen } = await openCorpus(folder.at(), "character");
    expect(chosen.decode([...all(train), ...all(validation)])).toBe("1\n2");
  });

  it("of a folder that are empty are passed over", async () => {
    await write("a.txt", "1");
    await write("b.txt", "");
    await write("c.txt", "2");
    await mkdir(folder.at("d"));
    const { train, validation, tokenizer: chosen } = await openCorpus(folder.at(), "character");
    expect(chosen.decode([...all(train), ...all(validation)])).toBe("1\n2");
    const [line] = await describeFolders({ train: [folder.at(), "SOTU"] });
    expect(line).toBe(`${folder.at()}: reads a.txt, c.txt; passes over b.txt (empty)`);
    await write("a.txt", "");
    await write("c.txt", "");
    expect(await message(folder.at(), "character")).toMatchInlineSnapshot(
      `"UserError: <folder>: has only empty texts, expected texts .txt, .md, .jsonl or .parquet, or token files train.bin and val.bin in it; name a text file instead"`,
    );
  });

  it("are read one at a time for their tokenizer, whatever it is", async () => {
    let open = 0;
    const reader = (text: string): TextSource => ({
      name: "text",
      bytes: text.length,
      isForFineTuning: false,
      hasKeys: false,
      records: () => {
        throw new Error("nobody asks for records");
      },
      async *pieces() {
        open += 1;
        await Promise.resolve();
        expect(open).toBe(1);
        for (const character of text.slice(0, -1)) yield { text: character, isLast: false };
        yield { text: text.slice(-1), isLast: true };
        open -= 1;
      },
    });
    const texts = { name: "texts", train: [reader("the cat"), reader("a dog\n")], validation: [reader("an owl €")] };
    const characters = await tokenizerForTexts("character", texts);
    expect(characters.toJSON()).toEqual(CharacterTokenizer.fromText("the cat\na dog\nan owl €").toJSON());
    const withUnknown = await tokenizerForTexts("character+unknown", texts);
    expect(withUnknown.vocabularySize).toBe(characters.vocabularySize + 1);
    expect(withUnknown.decode(withUnknown.encode("a Z"))).toBe("a <unk>");
    const pairs = await tokenizerForTexts("bpe:257", texts);
    expect(pairs.toJSON()).toEqual(trainBytePairEncoding("the cat\na dog\n", { vocabularySize: 257 }));
  });

  it("may be held out whole", async () => {
    await write("a.txt", "the cat");
    await write("b.txt", "a dog");
    await write("held.txt", "an owl €");
    const source = { train: names("a.txt", "b.txt"), validation: names("held.txt") };
    const { name, train, validation, tokenizer: chosen } = await openCorpus(source, "character");
    expect(name).toBe(`${folder.at("a.txt")}, ${folder.at("b.txt")} (held out: ${folder.at("held.txt")})`);
    expect(chosen.decode(all(train))).toBe("the cat\na dog");
    expect(chosen.decode(all(validation))).toBe("an owl €");
    const bytes = await openCorpus(source, "bpe:257");
    expect(bytes.tokenizer.decode(all(bytes.validation))).toBe("an owl €");
  });

  it("do not mix with token files, nor with a part that is held out already", async () => {
    await write("a.txt", "the cat");
    await writeIds("cats.bin", ids);
    const complaint = async (train: string[], validation?: string[]) =>
      (await failure(openCorpus({ train, validation }, "character"))).replaceAll(folder.at(), "<folder>");
    expect(await complaint(names("a.txt", "cats.bin"))).toMatchInlineSnapshot(
      `"UserError: <folder>/a.txt, <folder>/cats.bin: are texts and token files, expected one or the other; make token files of the texts with: tokenformer tokenize"`,
    );
    expect(await complaint(["SOTU"], names("a.txt"))).toMatchInlineSnapshot(
      `"UserError: SOTU: has a part of its own to hold out, so that no other can be; name no validation data"`,
    );
    expect((await failure(openTexts(folder.at("cats.bin")))).replaceAll(folder.at(), "<folder>")).toMatchInlineSnapshot(
      `"UserError: <folder>/cats.bin: is made of tokens already, expected a text"`,
    );
  });

  it("have names, which may be absolute", () => {
    const many = ["a", "b", "c", "d", "e"].map((name) => `${name}.txt`);
    expect(nameOfData({ train: many })).toBe("a.txt, b.txt, c.txt and 2 more");
    expect(nameOfData({ train: many.slice(1), validation: ["f.txt"] })).toBe(
      "b.txt, c.txt, d.txt, e.txt (held out: f.txt)",
    );
    expect(absoluteData({ train: ["SOTU", "a.txt"], validation: ["/b.txt"] })).toEqual({
      train: ["SOTU", resolve("a.txt")],
      validation: ["/b.txt"],
    });
    expect(absoluteData("a.txt")).toEqual({ train: [resolve("a.txt")] });
  });

  it("of the State of the Union come with what is held out", async () => {
    const chosen = CharacterTokenizer.fromText(
      await openTexts("SOTU").then(({ name, train }) => joinedText(name, train)),
    );
    expect(chosen.vocabularySize).toBeGreaterThan(80);
    const { train, validation } = await openTexts("SOTU");
    expect([train.length, validation.length]).toEqual([1, 1]);
  });
});

describe("token files", () => {
  it("are read with the tokenizer.json beside them", async () => {
    await writeIds("cats.bin", ids);
    await writeTokenizer();
    const { name, train, validation } = await openCorpus(folder.at("cats.bin"), "character");
    expect(name).toBe(folder.at("cats.bin"));
    expect(all(train)).toEqual(ids.slice(0, boundary));
    expect(all(validation)).toEqual(ids.slice(boundary));
    train.close();
  });

  it("take a tokenizer by name, or one that is open", async () => {
    await writeIds("cats.bin", ids);
    await mkdir(folder.at("elsewhere"));
    await writeTokenizer("elsewhere");
    const file = folder.at("elsewhere", "tokenizer.json");
    for (const choice of [file, await readTokenizer(file)]) {
      const { train, tokenizer: chosen } = await openCorpus(folder.at("cats.bin"), choice);
      expect(chosen.vocabularySize).toBe(tokenizer.vocabularySize);
      expect(all(train)).toEqual(ids.slice(0, boundary));
      train.close();
    }
  });

  it("of a folder are the two parts", async () => {
    await writeIds("train.bin", ids.slice(0, 500));
    await writeIds("val.bin", ids.slice(500, 600));
    await writeTokenizer();
    const { name, train, validation } = await openCorpus(folder.at(), "character");
    expect(name).toBe(folder.at());
    expect(all(train)).toEqual(ids.slice(0, 500));
    expect(all(validation)).toEqual(ids.slice(500, 600));
    train.close();
    validation.close();
  });

  it("of several names are one, and others are held out", async () => {
    await writeIds("a.bin", ids.slice(0, 300));
    await writeIds("b.bin", ids.slice(300, 500));
    await writeIds("held.bin", ids.slice(500, 600));
    await writeTokenizer();
    const train = [folder.at("a.bin"), folder.at("b.bin")];
    const whole = await openCorpus({ train }, "character");
    expect(all(whole.train)).toEqual(ids.slice(0, 450));
    expect(all(whole.validation)).toEqual(ids.slice(450, 500));
    const held = await openCorpus({ train, validation: [folder.at("held.bin")] }, "character");
    expect(all(held.train)).toEqual(ids.slice(0, 500));
    expect(all(held.validation)).toEqual(ids.slice(500, 600));
    for (const { close } of [whole.train, held.train, held.validation]) close();
  });

  it("of Megatron in a folder are the two parts", async () => {
    for (const [name, part] of [["train", ids.slice(0, 500)] as const, ["valid", ids.slice(500, 600)] as const]) {
      await writeFile(folder.at(`${name}_text_document.bin`), Int32Array.from(part));
      const head = Buffer.alloc(34 + 12 + 16);
      head.write("MMIDIDX");
      head.writeUInt8(1, 9);
      head.writeUInt8(4, 17);
      head.writeUInt8(1, 18);
      head.writeUInt8(2, 26);
      head.writeInt32LE(part.length, 34);
      head.writeUInt8(1, 54);
      await writeFile(folder.at(`${name}_text_document.idx`), head);
    }
    await writeTokenizer();
    const { train, validation } = await openCorpus(folder.at(), "character");
    expect(all(train)).toEqual(ids.slice(0, 500));
    expect(all(validation)).toEqual(ids.slice(500, 600));
    train.close();
    validation.close();
  });

  it("tell with their header that another tokenizer made them", async () => {
    const options = { vocabularySize: tokenizer.vocabularySize, tokenizerHash: await hashTokenizer(tokenizer) };
    await writeTokenFile(folder.at("cats.bin"), [ids], options);
    await writeTokenizer();
    const { train } = await openCorpus(folder.at("cats.bin"), "character");
    expect(all(train)).toEqual(ids.slice(0, boundary));
    train.close();
    // As many tokens, but other ones.
    const other = CharacterTokenizer.fromText(text.replaceAll("c", "C"));
    await writeFile(folder.at("tokenizer.json"), JSON.stringify(other.toJSON()));
    expect(
      (await message(folder.at("cats.bin"), "character")).replaceAll(/[0-9a-f]{12}/g, "<hash>"),
    ).toMatchInlineSnapshot(
      `"UserError: <folder>/cats.bin: its tokens were made by another tokenizer (hash <hash>…), expected the one in use (<hash>…); make the token file again with this tokenizer"`,
    );
  });
});

describe("errors", () => {
  it("name what cannot be read", async () => {
    expect(await message(folder.at("none.txt"), "character")).toMatchInlineSnapshot(
      `"UserError: cannot read <folder>/none.txt: there is no such file; check the path"`,
    );
    expect(await message(folder.at("none.bin"), "character")).toMatchInlineSnapshot(
      `"UserError: cannot read <folder>/none.bin: there is no such file; check the path"`,
    );
    const long = folder.at("n".repeat(300));
    expect(await message(long, "character")).toMatch(
      /^UserError: cannot read .*: its name is too long; choose a shorter/,
    );
    expect(await message("a\0b", "character")).toMatch(/^UserError: cannot read a.b: its name has a zero byte/);
    await writeFile(folder.at("empty.txt"), "");
    expect(await message(folder.at("empty.txt"), "character")).toMatchInlineSnapshot(
      `"UserError: <folder>/empty.txt: is empty, expected a text; name a file with text"`,
    );
    await mkdir(folder.at("empty"));
    expect(await message(folder.at("empty"), "character")).toMatchInlineSnapshot(
      `"UserError: <folder>/empty: is a folder, expected texts .txt, .md, .jsonl or .parquet, or token files train.bin and val.bin in it; name a text file instead"`,
    );
  });

  it("say that a part of a folder is missing", async () => {
    await writeIds("train.bin", ids);
    await writeTokenizer();
    expect(await message(folder.at(), "character")).toMatchInlineSnapshot(
      `"UserError: <folder>: has train.bin but no val.bin, expected both; to hold out the end of one token file, name the file"`,
    );
  });

  it("say how to name a tokenizer", async () => {
    await writeIds("cats.bin", ids);
    expect(await message(folder.at("cats.bin"), "bpe:300")).toMatchInlineSnapshot(
      `"UserError: <folder>/cats.bin: token files need their tokenizer, expected <folder>/tokenizer.json; put it there or name it with --tokenizer FILE.json, or train on the ids alone with --tokenizer ids"`,
    );
    expect(await message(folder.at("cats.bin"), folder.at("none.json"))).toMatchInlineSnapshot(
      `"UserError: cannot read <folder>/none.json: there is no such file; check the path"`,
    );
    await writeFile(folder.at("tokenizer.json"), "{}");
    expect(await message(folder.at("cats.bin"), "character")).toMatchInlineSnapshot(
      `"UserError: <folder>/tokenizer.json: is no usable tokenizer (it has no model), expected the contents of a Hugging Face tokenizer.json; take the file from a published model or train one"`,
    );
  });

  it("name the token that the vocabulary lacks", async () => {
    await writeIds("cats.bin", Uint32Array.of(...ids.slice(0, 300), tokenizer.vocabularySize));
    await writeTokenizer();
    const started = openRun({ config: tinyConfig(), data: folder.at("cats.bin"), out: folder.at("run") });
    expect((await failure(started)).replaceAll(folder.at(), "<folder>")).toMatchInlineSnapshot(
      `"UserError: <folder>/cats.bin: token 300 has id 15, expected ids below the vocabulary size 15; use the tokenizer that made these tokens"`,
    );
    expect(existsSync(folder.at("run", "config.json"))).toBe(false);
    if (existsSync(OPEN_FILES)) expect(readdirSync(OPEN_FILES).map(targetOf)).not.toContain(folder.at("cats.bin"));
  });

  it("name the smallest byte-pair vocabulary", async () => {
    const file = await writeText(folder.at("cats.txt"));
    expect(await message(file, "bpe:100")).toMatchInlineSnapshot(
      `"UserError: The vocabulary size of a byte-pair encoding is 100, expected a whole number of at least 256: 256 bytes and 0 special tokens; ask for more tokens, or for a character tokenizer"`,
    );
  });
});
