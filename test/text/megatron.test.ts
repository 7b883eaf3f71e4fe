import { rm, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { readMegatronIndex } from "../../src/text/megatron.ts";
import { openTokenFile, writeTokenFile } from "../../src/text/token-file.ts";
import { useFolder } from "../formats/helpers.ts";

const folder = useFolder();

interface Index {
  magic?: string;
  version?: bigint;
  code?: number;
  lengths?: number[];
  offsets?: number[];
  documents?: number[];
  modes?: number[];
  /** Bytes of an id. */
  width?: number;
}

/** An index as Megatron's preprocessing writes it, with its parts as given. */
function indexBytes({
  magic = "MMIDIDX\0\0",
  version = 1n,
  code = 8,
  lengths = [],
  width = 2,
  ...given
}: Index): Buffer {
  const starts = lengths.map((_, at) => width * lengths.slice(0, at).reduce((sum, n) => sum + n, 0));
  const { offsets = starts, documents = [0, lengths.length], modes = [] } = given;
  const numbers = Buffer.alloc(25);
  numbers.writeBigUInt64LE(version, 0);
  numbers.writeUInt8(code, 8);
  numbers.writeBigUInt64LE(BigInt(lengths.length), 9);
  numbers.writeBigUInt64LE(BigInt(documents.length), 17);
  return Buffer.concat([
    Buffer.from(magic, "latin1"),
    numbers,
    Buffer.from(Int32Array.from(lengths).buffer),
    ...[offsets, documents].map((values) => Buffer.from(BigInt64Array.from(values, BigInt).buffer)),
    Buffer.from(Int8Array.from(modes)),
  ]);
}

/** Writes a token file with its index, and gives its name. */
async function pair(index: Index, ids: NodeJS.TypedArray = Uint16Array.of(5, 6, 7, 8, 9)): Promise<string> {
  await writeFile(folder.at("book_text_document.idx"), indexBytes({ lengths: [3, 2], ...index }));
  await writeFile(folder.at("book_text_document.bin"), ids);
  return folder.at("book_text_document.bin");
}

/** All ids of a file. */
function readAll(file: string, vocabularySize?: number): number[] {
  const tokens = openTokenFile(file, vocabularySize === undefined ? {} : { vocabularySize });
  try {
    return [...tokens.read(0, tokens.length)];
  } finally {
    tokens.close();
  }
}

describe("a token file with an index of Megatron", () => {
  it("is its documents one after the other, read by range", async () => {
    const file = await pair({ documents: [0, 1, 2] });
    expect(readMegatronIndex(file)).toMatchObject({ dtype: "uint16", tokens: 5, documents: 2 });
    const tokens = openTokenFile(file);
    expect(tokens.length).toBe(5);
    expect(tokens.bytesPerToken).toBeUndefined();
    expect(tokens.read(2, 2)).toEqual(Uint32Array.of(7, 8));
    tokens.close();
  });

  it.each([
    [1, Uint8Array.of(5, 200, 7, 8, 9), [5, 200, 7, 8, 9]],
    [2, Int8Array.of(5, 100, 7, 8, 9), [5, 100, 7, 8, 9]],
    [3, Int16Array.of(5, 30_000, 7, 8, 9), [5, 30_000, 7, 8, 9]],
    [4, Int32Array.of(5, 100_000, 7, 8, 9), [5, 100_000, 7, 8, 9]],
    [5, BigInt64Array.of(5n, 100_000n, 7n, 8n, 9n), [5, 100_000, 7, 8, 9]],
    [8, Uint16Array.of(5, 65_535, 7, 8, 9), [5, 65_535, 7, 8, 9]],
  ] as const)("may have ids of type %d", async (code, ids, expected) => {
    expect(readAll(await pair({ code, width: ids.BYTES_PER_ELEMENT }, ids))).toEqual(expected);
  });

  it("may have modes, no sequence at all, and a header of ours, which goes before", async () => {
    expect(readAll(await pair({ modes: [0, 1] }))).toEqual([5, 6, 7, 8, 9]);
    expect(readAll(await pair({ lengths: [] }, new Uint16Array()))).toEqual([]);
    const file = await pair({ code: 4, width: 4 });
    await writeTokenFile(file, [Uint32Array.of(1, 2)], { vocabularySize: 9 });
    expect(readAll(file)).toEqual([1, 2]);
  });

  it("names ids that no vocabulary has", async () => {
    const negative = await pair({ code: 4, width: 4 }, Int32Array.of(5, -1, 7, 8, 9));
    expect(() => readAll(negative, 50_000)).toThrow("token 1 has id 4294967295, expected ids below");
    const large = await pair({ code: 5, width: 8 }, BigInt64Array.of(5n, 6n, 2n ** 40n, 8n, 9n));
    expect(() => readAll(large, 50_000)).toThrow("token 2 has id 4294967295, expected ids below");
  });
});

describe("an index is refused", () => {
  const message = async (index: Index, ids?: NodeJS.TypedArray) => {
    const file = await pair(index, ids);
    try {
      return `nothing was thrown: ${readAll(file)}`;
    } catch (error) {
      return String(error).replaceAll(folder.at(), "<folder>");
    }
  };

  it("that is none, or of another kind, version or type", async () => {
    expect(await message({ magic: "no index!" })).toMatchInlineSnapshot(
      `"UserError: <folder>/book_text_document.idx: is no index of a Megatron token file, expected "MMIDIDX" at its beginning; remove it if the ids in the .bin are uint16"`,
    );
    expect(await message({ magic: "TNTIDX\0\0\0" })).toMatchInlineSnapshot(
      `"UserError: <folder>/book_text_document.idx: is an index of the older kind, expected a memory-mapped one; make it with mmap"`,
    );
    expect(await message({ version: 2n })).toMatchInlineSnapshot(
      `"UserError: <folder>/book_text_document.idx: is of version 2, expected version 1; convert it"`,
    );
    expect(await message({ code: 7 })).toMatchInlineSnapshot(
      `"UserError: <folder>/book_text_document.idx: has ids of type 7, expected whole numbers, 1, 2, 3, 4, 5, 8; tokenise the text again"`,
    );
  });

  it("that is missing, where the name says that there was one", async () => {
    const file = await pair({});
    await rm(folder.at("book_text_document.idx"));
    expect(() => readAll(file)).toThrow(
      `${file}: has no index, expected ${folder.at("book_text_document.idx")} beside it; copy both files`,
    );
  });

  it("that is cut short", async () => {
    const file = await pair({});
    const whole = indexBytes({ lengths: [3, 2] });
    for (const length of [0, 8, 20, 33, 34, whole.length - 1]) {
      await writeFile(folder.at("book_text_document.idx"), whole.subarray(0, length));
      expect(() => readAll(file), `${length} bytes`).toThrow(
        length < 34 ? "is no index of a Megatron token file" : `has ${length} bytes, expected 74 for 2 sequences`,
      );
    }
  });

  it("that does not fit itself or its token file", async () => {
    expect(await message({ documents: [] })).toMatchInlineSnapshot(
      `"UserError: <folder>/book_text_document.idx: says nothing of documents, expected their bounds; make it again"`,
    );
    expect(await message({ documents: [0, 1] })).toMatchInlineSnapshot(
      `"UserError: <folder>/book_text_document.idx: its sequences do not begin at 0, or its documents do not hold them all, expected one text without gaps; make it again"`,
    );
    expect(await message({ documents: [1, 2] })).toMatchInlineSnapshot(
      `"UserError: <folder>/book_text_document.idx: its sequences do not begin at 0, or its documents do not hold them all, expected one text without gaps; make it again"`,
    );
    expect(await message({ offsets: [2, 8] })).toMatchInlineSnapshot(
      `"UserError: <folder>/book_text_document.idx: its sequences do not begin at 0, or its documents do not hold them all, expected one text without gaps; make it again"`,
    );
    expect(await message({ offsets: [0, 7] })).toMatchInlineSnapshot(
      `"UserError: <folder>/book_text_document.idx: its sequences do not begin at 0, or its documents do not hold them all, expected one text without gaps; make it again"`,
    );
    expect(await message({ lengths: [3, 3] })).toMatchInlineSnapshot(
      `"UserError: <folder>/book_text_document.bin: has 10 bytes, expected 12 for the 6 uint16 tokens of its index book_text_document.idx; make the token file again"`,
    );
  });
});
