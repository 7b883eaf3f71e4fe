import { mkdir, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import {
  CharacterTokenizer,
  hashTokenizer,
  readTokenizer,
  type TokenSource,
  writeTokenFile,
} from "../../src/text/index.ts";
import { EMBEDDED, openCorpus } from "../../src/training/index.ts";
import { failure, useFolder } from "../formats/helpers.ts";
import { text, tokenizer, writeText } from "./support.ts";

const folder = useFolder();

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
    const { name, train, validation, tokenizer: chosen, validationBytesPerToken } = await openCorpus(file, "character");
    expect(name).toBe(file);
    expect(all(train)).toEqual(ids.slice(0, boundary));
    expect(all(validation)).toEqual(ids.slice(boundary));
    expect(chosen.toJSON()).toEqual(tokenizer.toJSON());
    expect(validationBytesPerToken).toBe(1);
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
    expect(corpus.validationBytesPerToken).toBeGreaterThan(1);
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

  it("tell with their header that another tokenizer made them", async () => {
    const options = { vocabularySize: tokenizer.vocabularySize, tokenizerHash: hashTokenizer(tokenizer) };
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
    await writeFile(folder.at("empty.txt"), "");
    expect(await message(folder.at("empty.txt"), "character")).toMatchInlineSnapshot(
      `"UserError: <folder>/empty.txt: is empty, expected a text to train on; name a file with text"`,
    );
    await mkdir(folder.at("empty"));
    expect(await message(folder.at("empty"), "character")).toMatchInlineSnapshot(
      `"UserError: <folder>/empty: is a folder, expected token files train.bin and val.bin in it, but there is no <folder>/empty/train.bin; name a text file instead"`,
    );
  });

  it("say that a part of a folder is missing", async () => {
    await writeIds("train.bin", ids);
    await writeTokenizer();
    expect(await message(folder.at(), "character")).toMatchInlineSnapshot(
      `"UserError: <folder>: is a folder, expected token files train.bin and val.bin in it, but there is no <folder>/val.bin; name a text file instead"`,
    );
  });

  it("say how to name a tokenizer", async () => {
    await writeIds("cats.bin", ids);
    expect(await message(folder.at("cats.bin"), "bpe:300")).toMatchInlineSnapshot(
      `"UserError: <folder>/cats.bin: token files need their tokenizer, expected <folder>/tokenizer.json; put it there or name it with --set tokenizer=FILE.json"`,
    );
    expect(await message(folder.at("cats.bin"), folder.at("none.json"))).toMatchInlineSnapshot(
      `"UserError: cannot read <folder>/none.json: there is no such file; check the path"`,
    );
    await writeFile(folder.at("tokenizer.json"), "{}");
    expect(await message(folder.at("cats.bin"), "character")).toMatchInlineSnapshot(
      `"UserError: <folder>/tokenizer.json: is no usable tokenizer (Tokenizer must contain a "model" property), expected the contents of a Hugging Face tokenizer.json; take the file from a published model or train one"`,
    );
  });

  it("name the token that the vocabulary lacks", async () => {
    await writeIds("cats.bin", Uint32Array.of(...ids.slice(0, 300), tokenizer.vocabularySize));
    await writeTokenizer();
    expect(await message(folder.at("cats.bin"), "character")).toMatchInlineSnapshot(
      `"UserError: <folder>/cats.bin: token 300 has id 15, expected ids below the vocabulary size 15; use the tokenizer that made these tokens"`,
    );
  });

  it("name the smallest byte-pair vocabulary", async () => {
    const file = await writeText(folder.at("cats.txt"));
    expect(await message(file, "bpe:100")).toMatchInlineSnapshot(
      `"UserError: The vocabulary size of a byte-pair encoding is 100, expected a whole number of at least 256: 256 bytes and 0 special tokens; ask for more tokens, or for a character tokenizer"`,
    );
  });
});
