import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { memoryTokens, openTokenFile, writeTokenFile } from "../../src/text/token-file.ts";
import { joinTokens } from "../../src/text/token-source.ts";

let folder = "";
let file = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tokens-"));
  file = join(folder, "train.bin");
});
afterEach(() => rm(folder, { recursive: true }));

/** Opens a token file, reads all of it and closes it. */
function readAll(options?: { vocabularySize?: number }): Uint32Array {
  const tokens = openTokenFile(file, options);
  try {
    return tokens.read(0, tokens.length);
  } finally {
    tokens.close();
  }
}

describe("a token file", () => {
  it("stores ids as little-endian uint16 beside a header", async () => {
    const options = { vocabularySize: 65_536, tokenizerHash: "abc", textBytes: 12 };
    const header = await writeTokenFile(
      file,
      [Uint32Array.of(1, 65_535), Uint32Array.of(), Uint32Array.of(258)],
      options,
    );
    expect(header).toEqual({ format: "tokenformer tokens", version: 1, dtype: "uint16", tokens: 3, ...options });
    expect([...(await readFile(file))]).toEqual([1, 0, 255, 255, 2, 1]);
    expect(JSON.parse(await readFile(`${file}.json`, "utf8"))).toEqual(header);
    expect(await readdir(folder)).toEqual(["train.bin", "train.bin.json"]);
    const tokens = openTokenFile(file, { tokenizerHash: "abc" });
    expect(tokens.length).toBe(3);
    expect(tokens.bytesPerToken).toBe(4);
    expect(tokens.read(1, 2)).toEqual(Uint32Array.of(65_535, 258));
    tokens.close();
    tokens.close();
    expect(() => tokens.read(0, 1)).toThrow(`${file} is read after it was closed`);
  });

  it("stores ids of larger vocabularies as uint32", async () => {
    const header = await writeTokenFile(file, [Uint32Array.of(65_536, 7)], { vocabularySize: 65_537 });
    expect(header.dtype).toBe("uint32");
    expect([...(await readFile(file))]).toEqual([0, 0, 1, 0, 7, 0, 0, 0]);
    expect(readAll()).toEqual(Uint32Array.of(65_536, 7));
  });

  it("takes pieces as they come and may be empty", async () => {
    async function* pieces() {
      yield Uint32Array.of(3);
      yield await Promise.resolve(Uint32Array.of(4, 5));
    }
    await writeTokenFile(file, pieces(), { vocabularySize: 10 });
    expect(readAll()).toEqual(Uint32Array.of(3, 4, 5));
    await writeTokenFile(file, [], { vocabularySize: 10 });
    expect(readAll()).toHaveLength(0);
  });

  it("gives back any range of what was written", async () => {
    const ids = fc.uint32Array({ max: 99_999, maxLength: 50 });
    await fc.assert(
      fc.asyncProperty(ids, fc.nat(50), fc.nat(50), async (written, from, to) => {
        fc.pre(from <= to && to <= written.length);
        await writeTokenFile(file, [written], { vocabularySize: 100_000 });
        const tokens = openTokenFile(file);
        expect(tokens.read(from, to - from)).toEqual(written.slice(from, to));
        expect(tokens.read(from, to - from)).toEqual(memoryTokens(written).read(from, to - from));
        tokens.close();
      }),
      { numRuns: 50 },
    );
  });

  it("is a part of a whole, like tokens in memory", () => {
    const ids = fc.array(fc.uint32Array({ max: 99, maxLength: 7 }), { maxLength: 5 });
    fc.assert(
      fc.property(ids, fc.nat(30), fc.nat(30), (parts, from, to) => {
        const whole = parts.flatMap((part) => [...part]);
        fc.pre(from <= to && to <= whole.length);
        const joined = joinTokens(parts.map(memoryTokens));
        expect(joined.length).toBe(whole.length);
        expect([...joined.read(from, to - from)]).toEqual(whole.slice(from, to));
        expect(() => joined.read(whole.length, 1)).toThrow(RangeError);
      }),
    );
    const known = (length: number, bytesPerToken: number) => ({
      ...memoryTokens(new Uint32Array(length)),
      bytesPerToken,
    });
    expect(joinTokens([known(3, 2), known(1, 6)]).bytesPerToken).toBe(3);
    expect(joinTokens([known(3, 2), memoryTokens(new Uint32Array(1))]).bytesPerToken).toBeUndefined();
  });

  it("is read as nanoGPT's where there is no header", async () => {
    await writeFile(file, Uint8Array.of(1, 0, 80, 196));
    expect(readAll()).toEqual(Uint32Array.of(1, 50_256));
  });

  it("refuses ranges outside the tokens", async () => {
    await writeFile(file, Uint8Array.of(1, 0, 2, 0));
    const tokens = openTokenFile(file);
    for (const source of [tokens, memoryTokens(Uint32Array.of(1, 2))]) {
      for (const [start, count] of [
        [0, 3],
        [-1, 1],
        [1, -1],
        [0.5, 1],
      ] as const) {
        expect(() => source.read(start, count)).toThrow(
          new RangeError(`Cannot read ${count} tokens from ${start} on: the sequence has 2`),
        );
      }
    }
    tokens.close();
  });

  it("names an id outside the vocabulary and its position", async () => {
    await writeFile(file, Uint8Array.of(1, 0, 2, 0, 9, 0));
    const remedy = "expected ids below the vocabulary size 9; use the tokenizer that made these tokens";
    const tokens = openTokenFile(file, { vocabularySize: 9 });
    expect(tokens.read(0, 2)).toEqual(Uint32Array.of(1, 2));
    expect(() => tokens.read(1, 2)).toThrow(new UserError(`${file}: token 2 has id 9, ${remedy}`));
    tokens.close();
    const chunks = [Uint32Array.of(1), Uint32Array.of(2, 10)];
    await expect(writeTokenFile(file, chunks, { vocabularySize: 9 })).rejects.toThrow(
      new UserError(`${file}: token 2 has id 10, ${remedy}`),
    );
    expect(readAll()).toEqual(Uint32Array.of(1, 2, 9)); // the old file is untouched
  });

  it("names a file of a size that cannot be", async () => {
    await writeFile(file, Uint8Array.of(1, 0, 2));
    expect(() => openTokenFile(file)).toThrow(
      new UserError(
        `${file}: has 3 bytes, expected an even number, as a token file without a header holds uint16 ids; ` +
          "it is cut short or no token file: make it again",
      ),
    );
    await writeTokenFile(file, [Uint32Array.of(1, 2)], { vocabularySize: 9 });
    await writeFile(file, Uint8Array.of(1, 0));
    expect(() => openTokenFile(file)).toThrow(
      new UserError(
        `${file}: has 2 bytes, expected 4 for the 2 uint16 tokens of its header; make the token file again`,
      ),
    );
  });

  it("names a file that becomes shorter while it is open", async () => {
    await writeTokenFile(file, [Uint32Array.of(1, 2, 3)], { vocabularySize: 9 });
    const tokens = openTokenFile(file);
    await truncate(file, 4);
    expect(tokens.read(0, 2)).toEqual(Uint32Array.of(1, 2));
    expect(() => tokens.read(0, 3)).toThrow(
      new UserError(`${file}: became shorter while it was read, expected it to stay as it was; start again`),
    );
    tokens.close();
  });

  it("names tokens of another tokenizer", async () => {
    const tokenizerHash = "0123456789abcdef";
    await writeTokenFile(file, [Uint32Array.of(1)], { vocabularySize: 9, tokenizerHash });
    expect(() => openTokenFile(file, { tokenizerHash: "fedcba9876543210" })).toThrow(
      new UserError(
        `${file}: its tokens were made by another tokenizer (hash 0123456789ab…), ` +
          "expected the one in use (fedcba987654…); make the token file again with this tokenizer",
      ),
    );
  });

  it("names a header that is none", async () => {
    await writeFile(file, Uint8Array.of(1, 0));
    const header = { format: "tokenformer tokens", version: 1, dtype: "int8", tokens: 1, vocabularySize: 9 };
    const cases: [string, string][] = [
      ["{", "not JSON"],
      [JSON.stringify(header), 'dtype: is "int8", expected "uint16" or "uint32"'],
    ];
    for (const [contents, reason] of cases) {
      await writeFile(`${file}.json`, contents);
      expect(() => openTokenFile(file)).toThrow(
        new UserError(
          `${file}.json: is no header of a token file (${reason}), expected version 1 of "tokenformer tokens"; ` +
            "make the token file again, or remove the header if the ids are uint16",
        ),
      );
    }
  });

  it("names a file that is missing or cannot be read", async () => {
    expect(() => openTokenFile(file)).toThrow(
      new UserError(`cannot read ${file}: there is no such file; check the path`),
    );
    expect(() => openTokenFile(folder)).toThrow(
      new UserError(`cannot read ${folder}: it is a folder, not a file; check the path`),
    );
    await writeTokenFile(file, [], { vocabularySize: 9 });
    await expect(writeTokenFile(join(folder, "none", "x.bin"), [], { vocabularySize: 9 })).rejects.toThrow(
      new UserError(
        `cannot write ${join(folder, "none", "x.bin")}: the folder ${join(folder, "none")} does not exist; create it first`,
      ),
    );
  });
});
