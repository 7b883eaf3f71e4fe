import { open, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  openSafetensors,
  readSafetensors,
  type StoredTensor,
  type WriteSafetensorsOptions,
  writeSafetensors,
} from "../../src/formats/index.ts";
import { anyText } from "../support/any-text.ts";
import { failure, useFolder } from "./helpers.ts";

const folder = useFolder();

/** A file by hand: the header's length, the header as text, the data. */
function fileBytes(header: string, data: readonly number[]): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  return Buffer.concat([length, Buffer.from(header), Buffer.from(data)]);
}

async function written(
  tensors: Iterable<readonly [string, StoredTensor]>,
  options?: WriteSafetensorsOptions,
): Promise<Buffer> {
  await writeSafetensors(folder.at("a.safetensors"), tensors, options);
  return readFile(folder.at("a.safetensors"));
}

function floats(shape: readonly number[], ...values: number[]): StoredTensor {
  return { shape, data: Float32Array.from(values) };
}

describe("the bytes that Python's safetensors 0.x writes", () => {
  // Header and data as `safetensors.numpy.save_file` wrote them.
  const header =
    '{"__metadata__":{"a":"b"},"s":{"dtype":"I64","shape":[],"data_offsets":[0,8]},' +
    '"w":{"dtype":"F32","shape":[2,3],"data_offsets":[8,32]},"e":{"dtype":"I32","shape":[0,5],"data_offsets":[32,32]},' +
    '"b":{"dtype":"BF16","shape":[2],"data_offsets":[32,36]},"h":{"dtype":"F16","shape":[2],"data_offsets":[36,40]},' +
    '"u":{"dtype":"U8","shape":[1],"data_offsets":[40,41]}}    ';
  // biome-ignore format: one line per tensor
  const data = [
    7, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64, 0, 0, 128, 64, 0, 0, 160, 64,
    0xc0, 0x3f, 0xcd, 0xbd,
    0x00, 0x3e, 0x66, 0xae,
    1,
  ];

  test("are read, one tensor at a time", async () => {
    await writeFile(folder.at("theirs"), fileBytes(header, data));
    const opened = await openSafetensors(folder.at("theirs"));
    expect([...opened.entries.keys()]).toEqual(["s", "w", "e", "b", "h", "u"]);
    expect(opened.entries.get("b")).toEqual({ dtype: "BF16", shape: [2], begin: 32, end: 36 });
    expect(opened.metadata).toEqual({ a: "b" });
    expect(await opened.read("h")).toEqual(floats([2], 1.5, -0.0999755859375));
    expect(await opened.read("b")).toEqual(floats([2], 1.5, -0.10009765625));
    expect(await opened.read("e")).toEqual({ shape: [0, 5], data: Int32Array.of() });
    expect(await opened.read("w")).toEqual(floats([2, 3], 0, 1, 2, 3, 4, 5));
    expect(await opened.read("s")).toEqual({ shape: [], data: BigInt64Array.of(7n) });
    expect(await failure(opened.read("u"))).toBe(
      `UserError: ${folder.at("theirs")}: tensor "u": expected F64, F32, F16, BF16, I32 or I64, found U8; convert it first`,
    );
    expect(await failure(opened.read("x"))).toBe(
      `UserError: ${folder.at("theirs")}: there is no tensor "x"; it holds s, w, e, b, h and 1 more`,
    );
    await opened.close();
  });

  test("are what we write", async () => {
    expect(await written([["x", floats([1, 2], 1, 2)]])).toEqual(
      fileBytes('{"x":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}', [0, 0, 128, 63, 0, 0, 0, 64]),
    );
    expect(await written([])).toEqual(fileBytes("{}      ", []));
  });
});

describe("writing", () => {
  test("orders by size of type, then by name, and aligns the data to 8 bytes", async () => {
    const tensors = new Map<string, StoredTensor>([
      ["c", floats([3], 1, 2, 3)],
      ["b", { shape: [1], data: Int32Array.of(-2) }],
      ["z", { shape: [1], data: BigInt64Array.of(-1n) }],
      ["a", floats([], 0.5)],
    ]);
    const bytes = await written(tensors, { dtype: "F16", metadata: { step: "12" } });
    const length = Number(bytes.readBigUInt64LE(0));
    expect(length % 8).toBe(0);
    expect(
      bytes
        .subarray(8, 8 + length)
        .toString()
        .trimEnd(),
    ).toBe(
      '{"__metadata__":{"step":"12"},"z":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},' +
        '"b":{"dtype":"I32","shape":[1],"data_offsets":[8,12]},"a":{"dtype":"F16","shape":[],"data_offsets":[12,14]},' +
        '"c":{"dtype":"F16","shape":[3],"data_offsets":[14,20]}}',
    );
    expect([...bytes.subarray(8 + length)]).toEqual([
      ...[255, 255, 255, 255, 255, 255, 255, 255, 254, 255, 255, 255],
      ...[0x00, 0x38, 0x00, 0x3c, 0x00, 0x40, 0x00, 0x42],
    ]);
    expect(await readdir(folder.at())).toEqual(["a.safetensors"]);
  });

  test("takes views of larger memory as they are", async () => {
    const memory = Float32Array.from({ length: 11 }, (_, index) => index);
    await written([["view", { shape: [3], data: memory.subarray(5, 8) }]]);
    expect((await readSafetensors(folder.at("a.safetensors"))).tensors.get("view")).toEqual(floats([3], 5, 6, 7));
  });

  test.each(["F32", "F16", "BF16"] as const)("a tensor of several pieces as %s", async (dtype) => {
    const data = Float32Array.from({ length: 2 ** 21 + 13 }, (_, index) => index % 251);
    await written([["large", { shape: [data.length], data }]], { dtype });
    const read = (await readSafetensors(folder.at("a.safetensors"))).tensors.get("large");
    expect(read?.data.every((value: number | bigint, index: number) => value === data[index])).toBe(true);
    expect(read?.data.length).toBe(data.length);
  });

  // What JavaScript lets pass.
  test.each<readonly [string, unknown, unknown, string]>([
    ["a dtype", {}, { dtype: "f16" }, 'dtype is "f16", expected one of F32, F16, BF16'],
    ["metadata", {}, { metadata: { n: 3 } }, 'the metadata "n" is 3, expected text'],
    ["negative sizes", { shape: [-1, -2] }, {}, 'tensor "w" has the shape [-1, -2], expected whole numbers from 0'],
    ["halves", { shape: [0.5, 4] }, {}, 'tensor "w" has the shape [0.5, 4], expected whole numbers from 0'],
    [
      "bytes",
      { data: new Uint8Array(2) },
      {},
      'tensor "w" has data of the class Uint8Array, expected one of Float32Array, Int32Array, BigInt64Array; convert it',
    ],
    ["doubles", { data: new Float64Array(2) }, {}, 'tensor "w" has data of the class Float64Array, expected one of'],
  ])("refuses %s that no file can have, and writes nothing", async (_, tensor, options, message) => {
    const whole = { ...floats([2], 1, 2), ...(tensor as object) };
    expect(await failure(written([["w", whole]], options as WriteSafetensorsOptions))).toContain(message);
    expect(await readdir(folder.at())).toEqual([]);
  });

  test("refuses what does not fit, and leaves the old file", async () => {
    const old = await written([["x", floats([1], 1)]]);
    const file = folder.at("a.safetensors");
    expect(await failure(written([["w", floats([2, 3], 1, 2)]]))).toBe(
      `UserError: ${file}: tensor "w": expected 6 elements for shape [2, 3], found 2; correct the shape or the data`,
    );
    expect(
      await failure(
        written([
          ["w", floats([1], 1)],
          ["w", floats([1], 1)],
        ]),
      ),
    ).toBe(`UserError: ${file}: tensor "w" is given twice; rename one`);
    expect(await failure(written([["__metadata__", floats([1], 1)]]))).toBe(
      `UserError: ${file}: no tensor may be named __metadata__; rename it`,
    );
    expect(await failure(writeSafetensors(folder.at("none", "a"), []))).toBe(
      `UserError: cannot write ${folder.at("none", "a")}: the folder ${folder.at("none")} does not exist; create it first`,
    );
    expect(await readFile(file)).toEqual(old);
    expect(await readdir(folder.at())).toEqual(["a.safetensors"]);
  });
});

test("any tensors come back bit by bit, with any names and metadata", async () => {
  const shape = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 });
  const tensor = fc
    .tuple(
      shape,
      fc.constantFrom(Float32Array, Int32Array, BigInt64Array),
      fc.uint8Array({ minLength: 8, maxLength: 8 }),
    )
    .map(([sizes, Type, seed]): StoredTensor => {
      const length = sizes.reduce((product, size) => product * size, 1);
      const bytes = Uint8Array.from(
        { length: length * Type.BYTES_PER_ELEMENT },
        (_, index) => (seed[index % 7] ?? 0) * (index + 1),
      );
      return { shape: sizes, data: new Type(bytes.buffer) };
    });
  const name = anyText.filter((text) => text !== "__metadata__");
  const metadata = fc.dictionary(anyText, anyText, { noNullPrototype: true });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(name, tensor)), metadata, async (items, text) => {
      const tensors = new Map(items);
      await writeSafetensors(folder.at("a"), tensors, { metadata: text });
      const read = await readSafetensors(folder.at("a"));
      expect(new Map(Object.entries(read.metadata))).toEqual(new Map(Object.entries(text)));
      expect(new Set(read.tensors.keys())).toEqual(new Set(tensors.keys()));
      for (const [key, { shape: sizes, data }] of tensors) {
        const found = read.tensors.get(key);
        expect(found?.shape).toEqual(sizes);
        expect(found?.data.constructor).toBe(data.constructor);
        expect(Buffer.from(found?.data.buffer ?? new ArrayBuffer(0))).toEqual(Buffer.from(data.buffer));
      }
    }),
    { numRuns: 60 },
  );
});

test("names that mean something to JavaScript are only names", async () => {
  const metadata = Object.fromEntries([
    ["__proto__", "a"],
    ["constructor", "b"],
    ["7", "c"],
  ]);
  const names = ["7", "__proto__", "constructor"];
  await writeSafetensors(
    folder.at("a"),
    names.map((name) => [name, floats([], 1)] as const),
    { metadata },
  );
  const read = await readSafetensors(folder.at("a"));
  expect([...read.tensors.keys()]).toEqual(names);
  expect(Object.entries(read.metadata)).toEqual([
    ["7", "c"],
    ["__proto__", "a"],
    ["constructor", "b"],
  ]);
});

test("a tensor that begins beyond 4 GiB is read at its place", async () => {
  // The file has a hole for the first tensor, so it takes no room on the disk.
  const elements = 1_200_000_007;
  const begin = elements * 4;
  const header = JSON.stringify({
    hole: { dtype: "F32", shape: [elements], data_offsets: [0, begin] },
    last: { dtype: "F32", shape: [2], data_offsets: [begin, begin + 8] },
  });
  const file = folder.at("huge");
  await writeFile(file, fileBytes(header, []));
  await truncate(file, 8 + header.length + begin);
  const handle = await open(file, "a");
  await handle.write(new Uint8Array(Float32Array.of(1.5, -3).buffer));
  await handle.close();
  expect((await stat(file)).size).toBe(8 + header.length + begin + 8);
  const opened = await openSafetensors(file);
  expect(await opened.read("last")).toEqual(floats([2], 1.5, -3));
  await opened.close();
});

test("64-bit floats become the nearest of 32 bits, in pieces as well", async () => {
  const values = Float64Array.from({ length: 70_001 }, (_, index) => 0.1 * index);
  const header = `{"x":{"dtype":"F64","shape":[70001],"data_offsets":[0,${values.byteLength}]}}`;
  await writeFile(folder.at("double.safetensors"), fileBytes(header, [...new Uint8Array(values.buffer)]));
  const { tensors } = await readSafetensors(folder.at("double.safetensors"));
  expect(tensors.get("x")).toEqual({ shape: [70_001], data: Float32Array.from(values) });
});

test("files of other kinds are named for what they are", async () => {
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
  const kinds = {
    [pointer]: "is a pointer to a large file, not the file; fetch it with: git lfs pull",
    "<!doctype html>": "is a page of HTML or XML, perhaps an error of the download; get it again",
  };
  for (const [content, message] of Object.entries(kinds)) {
    const file = folder.at("kind.safetensors");
    await writeFile(file, content);
    expect(await failure(readSafetensors(file))).toBe(`UserError: ${file}: ${message}`);
  }
});

describe("damaged files", () => {
  const good = '{"x":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}';
  const eight = [1, 2, 3, 4, 5, 6, 7, 8];
  const entry = (begin: number, end: number): string =>
    `{"dtype":"F32","shape":[${(end - begin) / 4}],"data_offsets":[${begin},${end}]}`;

  test.each<[string, Buffer, string]>([
    ["nothing", Buffer.of(), "expected at least 8 bytes, found 0"],
    ["half a length", Buffer.of(1, 2, 3), "expected at least 8 bytes, found 3"],
    ["a length beyond the file", fileBytes(good, []).subarray(0, 20), "expected a header of 56 bytes, found 12"],
    [
      "a length beyond the format",
      Buffer.alloc(9, 255),
      "expected a header of at most 100000000 bytes, found one of 18446744073709551615",
    ],
    ["no JSON", fileBytes("{oops}", []), "expected a header of 6 bytes that is a JSON object, found something else"],
    ["a list", fileBytes("[]", []), "expected a header of 2 bytes that is a JSON object, found something else"],
    [
      "bad UTF-8",
      Buffer.concat([fileBytes("    ", []).subarray(0, 8), Buffer.of(0x7b, 0xff, 0xff, 0x7d)]),
      "expected a header of 4 bytes that is a JSON object, found something else",
    ],
    ["truncated data", fileBytes(good, [1, 2, 3]), 'tensor "x": expected data up to byte 8, found 3 bytes in all'],
    ["too much data", fileBytes(good, [...eight, 9]), "expected 8 bytes of data, found 9"],
    [
      "a shape that does not fit",
      fileBytes(good.replace("[1,2]", "[2,3]"), eight),
      'tensor "x": expected 24 bytes for F32 [2, 3], found 8 (bytes 0 to 8)',
    ],
    [
      "offsets in reverse",
      fileBytes(good.replace("[0,8]", "[8,0]"), eight),
      'tensor "x": expected 8 bytes for F32 [1, 2], found -8 (bytes 8 to 0)',
    ],
    [
      "a hole",
      fileBytes(`{"x":${entry(4, 8)}}`, eight),
      'tensor "x" leaves a hole before it: expected it to begin at byte 0, found 4',
    ],
    [
      "an overlap",
      fileBytes(`{"y":${entry(4, 8)},"x":${entry(0, 8)}}`, eight),
      'tensor "y" overlaps the one before: expected it to begin at byte 8, found 4',
    ],
    [
      "a name twice",
      fileBytes(`{"x":${entry(0, 8)}, "\\u0078" :${entry(0, 8)}}`, eight),
      '"x" is named twice in the header',
    ],
    [
      "an unknown type",
      fileBytes(good.replace("F32", "Q4_0"), eight),
      'tensor "x": expected a known type, found "Q4_0"',
    ],
    [
      "a negative size",
      fileBytes(good.replace("[1,2]", "[-1,2]"), eight),
      'tensor "x": shape: 0: is -1, expected a number of at least 0',
    ],
    [
      "no offsets",
      fileBytes('{"x":{"dtype":"F32","shape":[]}}', []),
      'tensor "x": data_offsets: is missing, expected a list',
    ],
    [
      "metadata that is no text",
      fileBytes('{"__metadata__":{"step":1}}', []),
      '__metadata__: expected text for "step", found 1',
    ],
    ["metadata that is a list", fileBytes('{"__metadata__":[]}', []), "__metadata__: expected an object, found []"],
  ])("%s", async (_, bytes, reason) => {
    const file = folder.at("bad");
    await writeFile(file, bytes);
    expect(await failure(readSafetensors(file))).toBe(
      `UserError: ${file}: ${reason}; the file is damaged or no safetensors file: copy or write it again`,
    );
  });

  test("a file cut short after it was opened", async () => {
    const file = folder.at("cut");
    await writeFile(file, fileBytes(good, eight));
    const opened = await openSafetensors(file);
    await truncate(file, 8 + good.length + 5);
    expect(await failure(opened.read("x"))).toBe(
      `UserError: ${file}: tensor "x": expected 8 bytes, found 5; the file is damaged or no safetensors file: copy or write it again`,
    );
    await opened.close();
  });

  test("a missing file and a folder", async () => {
    expect(await failure(readSafetensors(folder.at("none")))).toBe(
      `UserError: cannot read ${folder.at("none")}: there is no such file; check the path`,
    );
    expect(await failure(openSafetensors(folder.at()))).toBe(
      `UserError: cannot read ${folder.at()}: it is a folder, not a file; check the path`,
    );
  });

  test("any change to the header of a file is refused or read, never a fault of ours", async () => {
    const bytes = await written([["x", floats([2], 1, 2)]], { metadata: { a: "b" } });
    const length = Number(bytes.readBigUInt64LE(0));
    await fc.assert(
      fc.asyncProperty(fc.nat(7 + length), fc.nat(255), async (place, value) => {
        const changed = Buffer.from(bytes);
        changed[place] = value;
        await writeFile(folder.at("changed"), changed);
        expect(await failure(readSafetensors(folder.at("changed")))).toMatch(/^(UserError: .*|nothing was thrown)$/);
      }),
      { numRuns: 300 },
    );
  });
});
