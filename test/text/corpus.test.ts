import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { embeddedAddresses } from "../../src/text/addresses.ts";
import { embeddedBook } from "../../src/text/book.ts";
import { trainBytePairEncoding } from "../../src/text/byte-pair-encoding.ts";
import { CharacterTokenizer } from "../../src/text/character-tokenizer.ts";
import { checkCorpus, createCorpus, joinTexts, measureBytes, splitCorpus } from "../../src/text/corpus.ts";
import { JsonTokenizer } from "../../src/text/json-tokenizer.ts";
import { readText, readTextPieces } from "../../src/text/text-file.ts";
import { memoryTokens, openTokenFile, writeTokenFile } from "../../src/text/token-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "corpus-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function failing(file: string): Promise<void> {
  for await (const _ of readTextPieces(file));
}

describe("readText", () => {
  async function write(name: string, bytes: string | Uint8Array): Promise<string> {
    const file = join(folder, name);
    await writeFile(file, bytes);
    return file;
  }

  it("reads UTF-8, drops a byte order mark and keeps line ends", async () => {
    expect(await readText(await write("a.txt", "\uFEFFé😀\r\n\uFEFFb"))).toBe("é😀\r\n\uFEFFb");
  });

  it("names the byte at which a file is not UTF-8", async () => {
    const cases: [number[], number][] = [
      [[0xff, 0xfe, 0x41, 0x00], 0],
      [[0x61, 0xc3, 0xa9, 0xe9, 0x62], 4], // é in Latin-1 opens a character that "b" does not continue
      [[0x61, 0x62, 0x80, 0x61], 2],
      [[0x61, 0xe2, 0x82], 3], // ends within a character
    ];
    for (const [bytes, offset] of cases) {
      const file = await write("bad.txt", Uint8Array.from(bytes));
      for (const read of [readText, failing])
        await expect(read(file)).rejects.toThrow(
          new UserError(`${file}: is not UTF-8 at byte ${offset}, expected a text file in UTF-8; convert it to UTF-8`),
        );
    }
  });

  it("reads the same piece by piece, and tells what was read", async () => {
    const text = `\uFEFF${"aé😀\r\n\uFEFF日".repeat(200_000)}`;
    for (const [name, bytes] of [
      ["long.txt", Buffer.from(text)],
      ["long.txt.gz", gzipSync(text)],
    ] as const) {
      const file = await write(name, bytes);
      let read = 0;
      const pieces: string[] = [];
      for await (const piece of readTextPieces(file, (count) => {
        read += count;
      }))
        pieces.push(piece);
      expect(pieces.join("")).toBe(text.slice(1));
      expect(pieces.length).toBeGreaterThan(2);
      expect(pieces.every((piece) => !/^\p{Surrogate}|\p{Surrogate}$/u.test(piece))).toBe(true);
      expect(read).toBe(bytes.length);
    }
    const cut = await write("cut.txt.gz", gzipSync(text).subarray(0, -9));
    await expect(failing(cut)).rejects.toThrow(/cut.txt.gz: is no whole gzip file \(.*\); compress it again$/);
    const none = await write("none.txt.gz", "plain");
    await expect(failing(none)).rejects.toThrow(/none.txt.gz: is no whole gzip file/);
    const late = Buffer.concat([Buffer.from("a".repeat(2 ** 20 - 1)), Buffer.from([0xc3, 0x28])]);
    await expect(failing(await write("late.txt", late))).rejects.toThrow(`late.txt: is not UTF-8 at byte ${2 ** 20},`);
  });

  it("names a file that is longer than a string can be", async () => {
    const file = await write("long.txt", "a");
    await truncate(file, 2 ** 29); // takes no room on the disk
    await expect(readText(file)).rejects.toThrow(
      new UserError(`${file}: is too long, expected at most 512 MiB of text; give a shorter one`),
    );
  });

  it("names files that are empty, missing or folders", async () => {
    for (const contents of ["", "\uFEFF"]) {
      const empty = await write("empty.txt", contents);
      await expect(readText(empty)).rejects.toThrow(
        new UserError(`${empty}: is empty, expected a text; name a file with text`),
      );
    }
    const missing = join(folder, "missing.txt");
    await expect(readText(missing)).rejects.toThrow(
      new UserError(`cannot read ${missing}: there is no such file; check the path`),
    );
    await expect(readText(folder)).rejects.toThrow(
      new UserError(`cannot read ${folder}: it is a folder, not a file; check the path`),
    );
  });
});

describe("embeddedBook", () => {
  it("is Moby-Dick from its first words to its last", async () => {
    const { name, text } = await embeddedBook();
    expect(name).toBe("Moby-Dick");
    expect(text.startsWith("ETYMOLOGY.")).toBe(true);
    expect(text.endsWith("only found another orphan.\n")).toBe(true);
    expect(text).toContain("\n\nCHAPTER 1. Loomings.\n\nCall me Ishmael. Some years ago");
    expect(text.match(/^CHAPTER \d+\. /gm)).toHaveLength(135);
    expect(text).not.toContain("\r");
    expect([text.length, new Set(text).size]).toEqual([1_212_979, 89]);
  });
});

describe("embeddedAddresses", () => {
  it("are the State of the Union addresses, every tenth held out", async () => {
    const { name, text, heldOut = "" } = await embeddedAddresses();
    expect(name).toBe("SOTU");
    expect(text.startsWith("Fellow-Citizens of the Senate and House of Representatives: ")).toBe(true);
    expect(text.trimEnd().split("\n").length).toBeGreaterThanOrEqual(210);
    expect([text.length, heldOut.length]).toEqual([9_708_014, 1_052_006]);
    const lines = new Set(text.split("\n"));
    expect(
      heldOut
        .trimEnd()
        .split("\n")
        .filter((line) => lines.has(line)),
    ).toEqual([]);
  });
});

describe("joinTexts", () => {
  it("puts pieces together", () => {
    expect(joinTexts("books", ["a\n", "b", "c"])).toBe("a\nbc");
    expect(joinTexts("books", [])).toBe("");
  });

  it("says that texts are too long together", () => {
    const half = "x".repeat(2 ** 28);
    expect(() => joinTexts("books", [half, half])).toThrow(
      new UserError(
        "books: the texts have 536870912 characters together, expected at most 536870888; make token files of them with: tokenformer tokenize",
      ),
    );
  });
});

describe("splitCorpus", () => {
  it("trains on the first nine tenths, rounded down", () => {
    const { train, validation } = splitCorpus(memoryTokens(Uint32Array.from({ length: 19 }, (_, id) => id)));
    expect([train.length, validation.length]).toEqual([17, 2]);
    expect(train.read(15, 2)).toEqual(Uint32Array.of(15, 16));
    expect(validation.read(0, 2)).toEqual(Uint32Array.of(17, 18));
    expect(() => train.read(16, 2)).toThrow(RangeError);
    expect(() => validation.read(-1, 1)).toThrow(RangeError);
  });

  it("splits tinyshakespeare as the lecture does, and nothing", () => {
    expect(splitCorpus(memoryTokens(new Uint32Array(1_115_394))).train.length).toBe(1_003_854);
    expect(splitCorpus(memoryTokens(new Uint32Array(0))).validation.length).toBe(0);
    expect(splitCorpus(memoryTokens(new Uint32Array(10)), 0.5).train.length).toBe(5);
  });

  it("closes the whole with a part", async () => {
    const file = join(folder, "whole.bin");
    await writeTokenFile(file, [Uint32Array.of(1, 2, 3)], { vocabularySize: 9 });
    const { train, validation } = splitCorpus(openTokenFile(file));
    train.close();
    validation.close();
    expect(() => validation.read(0, 1)).toThrow("is read after it was closed");
  });
});

describe("the bytes of tokens", () => {
  const bytePairs = new JsonTokenizer(trainBytePairEncoding("the the the cat", { vocabularySize: 260 }), "test");
  const utf8 = (text: string) => new TextEncoder().encode(text).length;

  it("are those of their text alone", () => {
    const text = `${"a".repeat(9)}€`;
    const tokenizer = CharacterTokenizer.fromText(text);
    const tokens = memoryTokens(tokenizer.encode(text));
    expect(measureBytes(tokenizer, tokens, 0, 10)).toBe(12);
    expect(measureBytes(tokenizer, tokens, 1, 8)).toBe(8);
    expect(measureBytes(tokenizer, tokens, 9, 1)).toBe(3);
    expect(measureBytes(tokenizer, memoryTokens(new Uint32Array(0)), 0, 0)).toBe(0);
  });

  it("are exact where characters are cut between pieces, and for any part", () => {
    // Whole characters of four tokens each, cut by the pieces of 65,536 tokens at each of their bytes.
    for (const offset of [0, 1, 2, 3]) {
      const text = `${"a".repeat(offset)}${"😀".repeat(40_000)}`;
      const ids = bytePairs.encode(text);
      expect(ids).toHaveLength(offset + 160_000);
      expect(measureBytes(bytePairs, memoryTokens(ids), 0, ids.length)).toBe(utf8(text));
    }
    const text = "the cat, thé € 😀 the";
    const ids = bytePairs.encode(text);
    for (let from = 0; from < ids.length; from++) {
      const rest = bytePairs.decode(ids.subarray(from));
      if (rest.includes("\uFFFD")) continue;
      expect(measureBytes(bytePairs, memoryTokens(ids), from, ids.length - from), `from ${from}`).toBe(utf8(rest));
    }
  });

  it("come from the header of a file that is asked for whole, but for the first", async () => {
    const tokenizer = CharacterTokenizer.fromText("ab");
    const file = join(folder, "val.bin");
    await writeTokenFile(file, [Uint32Array.of(0, 1, 1)], { vocabularySize: 2, textBytes: 5 });
    const tokens = openTokenFile(file);
    expect(measureBytes(tokenizer, tokens, 0, 3)).toBe(5);
    expect(measureBytes(tokenizer, tokens, 1, 2)).toBe(4);
    // A part of the file need not have the mean of the whole.
    expect(measureBytes(tokenizer, tokens, 1, 1)).toBe(1);
    tokens.close();
  });
});

describe("checkCorpus", () => {
  it("wants a window and the token after it in both parts", () => {
    const tokenizer = CharacterTokenizer.fromText("a");
    const corpus = createCorpus("book.txt", tokenizer, memoryTokens(new Uint32Array(40)));
    checkCorpus(corpus, 3);
    expect(() => checkCorpus(corpus, 4)).toThrow(
      new UserError(
        "book.txt: the validation part has 4 tokens, expected at least 5 for a context of 4; give a longer text or a smaller context",
      ),
    );
    expect(() => checkCorpus(corpus, 36)).toThrow("book.txt: the training part has 36 tokens, expected at least 37");
  });
});
