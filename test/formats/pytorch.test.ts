/** Checkpoints that PyTorch itself wrote (bench/peers/pytorch/storage_fixtures.py), and archives made to mislead. */

import { readdir, readFile, truncate, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openPyTorch, writePyTorch } from "../../src/formats/index.ts";
import { pickledCall, writePickle } from "../../src/formats/pytorch/pickle-write.ts";
import { stackCall, storage, tensor, writeArchive, writeLegacy } from "../support/pickles.ts";
import { failure as failureOf, useFolder } from "./helpers.ts";

const { at } = useFolder();
const range = (length: number) => Array.from({ length }, (_, index) => index);
const fixture = (name: string) => new URL(`../fixtures/pytorch/${name}`, import.meta.url).pathname;

async function readAll(file: string, names?: readonly string[]) {
  const opened = await openPyTorch(file);
  try {
    const all = names ?? [...opened.entries.keys()];
    return new Map(await Promise.all(all.map(async (name) => [name, await opened.read(name)] as const)));
  } finally {
    await opened.close();
  }
}

const failure = (file: string) => failureOf(readAll(file));

/** Eighths of whole numbers, as the fixtures hold them. */
const eighths = (...numbers: number[]) => Float32Array.from(numbers, (number) => number / 8);
const count = (length: number, start = 0, step = 1) => range(length).map((index) => start + step * index);

const layouts: Readonly<Record<string, readonly [shape: readonly number[], data: Float32Array]>> = {
  contiguous: [[3, 5], eighths(...count(15))],
  transposed: [[5, 3], eighths(...count(5).flatMap((column) => count(3, column, 5)))],
  permuted: [[4, 2, 3], eighths(...count(4).flatMap((i) => count(2).flatMap((j) => count(3, i + 12 * j, 4))))],
  first: [[4, 5], eighths(...count(20))],
  second: [[3, 4], eighths(...count(12, 7))],
  every_third: [[20], eighths(...count(20, 1, 3))],
  same: [[4, 5], eighths(...count(20))],
  expanded: [[4], eighths(4, 4, 4, 4)],
  scalar: [[], eighths(18)],
  empty: [[0, 3], eighths()],
  column: [[1, 6], eighths(...count(6))],
  half: [[7, 3], eighths(...count(7).flatMap((column) => count(3, column - 10, 7)))],
  bfloat: [[4, 3], eighths(...count(12, -6))],
  parameter: [[4], eighths(...count(4, 100))],
  double: [[3], eighths(...count(3))],
};

describe.each([2, 3, 4, 5])("pickles of protocol %i", (protocol) => {
  it("give every tensor, however it lies in its storage", async () => {
    const read = await readAll(fixture(`layouts-${protocol}.pt`), Object.keys(layouts));
    expect(Object.fromEntries([...read].map(([name, { shape, data }]) => [name, [shape, data]]))).toEqual(layouts);
  });

  it("list tensors of other types, which cannot be read", async () => {
    const { entries, read, close } = await openPyTorch(fixture(`layouts-${protocol}.pt`));
    const others = ["mask", "position"].map((name) => [entries.get(name)?.dtype, entries.get(name)?.shape]);
    expect(others).toEqual([
      ["BOOL", [2, 2]],
      ["I64", [5]],
    ]);
    await expect(read("mask")).rejects.toThrow('tensor "mask": expected F64, F32, F16 or BF16, found BOOL');
    await close();
  });
});

it("finds the state_dict in what surrounds it", async () => {
  const read = await readAll(fixture("wrapped.pt"));
  expect([...read]).toEqual([["weight", { shape: [2, 3], data: eighths(...count(6)) }]]);
});

describe("pickles without an archive, as before PyTorch 1.6,", () => {
  it("give the tensors that PyTorch wrote", async () => {
    const read = await readAll(fixture("legacy.pt"));
    expect([...read]).toEqual([["weight", { shape: [2, 3], data: eighths(...count(6)) }]]);
  });

  it("give several tensors of several storages and types, and views of them", async () => {
    const state = {
      module: {
        a: tensor(storage("7", 6), 1, [2, 2], [2, 1]),
        b: tensor(storage("5", 5, "DoubleStorage"), 0, [2, 2], [1, 2]),
        c: tensor(storage("7", 6), 0, [6], [1]),
        d: tensor(storage("11", 3, "HalfStorage"), 0, [3], [1]),
      },
    };
    // 1 + 2^-30 is no 32-bit float; 1e300 is beyond them.
    const doubles = Float64Array.of(1 + 2 ** -30, 0.1, -2, 1e300, 7);
    const storages = { "11": Uint16Array.of(0x3c00, 0xbc00, 0x3800), "5": doubles, "7": eighths(...count(6)) };
    await writeLegacy(at("several.bin"), writePickle(state), storages);
    expect(Object.fromEntries(await readAll(at("several.bin")))).toEqual({
      a: { shape: [2, 2], data: eighths(1, 2, 3, 4) },
      b: { shape: [2, 2], data: Float32Array.of(1, -2, 0.1, Number.POSITIVE_INFINITY) },
      c: { shape: [6], data: eighths(...count(6)) },
      d: { shape: [3], data: Float32Array.of(1, -1, 0.5) },
    });
  });

  it("are read though they are longer than what is read of them first", async () => {
    const one = tensor(storage("0", 3), 0, [3], [1]);
    const state = Object.fromEntries(range(9).map((number) => [`${number}`.repeat(150_000), one]));
    await writeLegacy(at("long.bin"), writePickle(state), { "0": eighths(4, 5, 6) });
    expect([...(await readAll(at("long.bin"))).values()].map(({ data }) => data)).toEqual(
      range(9).map(() => eighths(4, 5, 6)),
    );
  });

  it("are refused where they are other pickles, damaged or cut", async () => {
    const state = writePickle({ a: tensor(storage("0", 2), 0, [2], [1]) });
    await writeFile(at("bare.bin"), Buffer.concat(range(5).map(() => Buffer.from(state))));
    expect(await failure(at("bare.bin"))).toContain("bare.bin: is a bare pickle, expected what torch.save writes");
    await writeLegacy(at("count.bin"), state, { "0": eighths(1, 2, 3) });
    expect(await failure(at("count.bin"))).toContain('its storage "0" is not as its pickle says');
    await writeLegacy(at("other.bin"), state, { "1": eighths(1, 2) });
    expect(await failure(at("other.bin"))).toContain('its storage "1" is not as its pickle says');
    await writeLegacy(at("none.bin"), state, {});
    expect(await failure(at("none.bin"))).toContain('tensor "a" is in data/0, which is missing');
    const whole = await readFile(fixture("legacy.pt"));
    for (let length = 0; length < whole.length; length++) {
      await writeFile(at("cut.bin"), whole.subarray(0, length));
      expect(await failure(at("cut.bin"))).toMatch(/^UserError: [^\n]*cut\.bin: [^\n]+$/);
    }
  });
});

it("reads archives with 64-bit sizes", async () => {
  const state = {
    a: tensor(storage("0", 6), 0, [2, 3], [3, 1]),
    b: tensor(storage("1", 4, "HalfStorage"), 1, [3], [1]),
  };
  const halves = Uint16Array.of(0, 0x3c00, 0xbc00, 0x3800); // 0, 1, -1, 0.5
  await writeArchive(at("zip64.pt"), writePickle(state), { "0": eighths(...count(6)), "1": halves }, { zip64: true });
  const read = await readAll(at("zip64.pt"));
  expect(read.get("a")?.data).toEqual(eighths(...count(6)));
  expect(read.get("b")?.data).toEqual(Float32Array.of(1, -1, 0.5));
});

describe("refuses, and runs nothing,", () => {
  const names = ["posix.system", "builtins.eval", "__builtin__.exec", "os.system", "torch._utils._rebuild_qtensor"];

  it.each(names)("a pickle that names %s", async (name) => {
    const [, module = "", attribute = ""] = /^(.*)\.(.*)$/.exec(name) ?? [];
    const args = ["touch /tmp/was-run"];
    for (const call of [pickledCall(name, args), stackCall(module, attribute, args)]) {
      await writeArchive(at("hostile.pt"), writePickle({ a: call }), {});
      expect(await failure(at("hostile.pt"))).toContain(`hostile.pt: names the Python object "${name}", expected only`);
    }
  });

  it.each([
    [
      "module.pt",
      'names the Python object "torch.nn.modules.linear.Linear", expected only those that tensors are made of',
    ],
    ["list.pt", "holds a list, expected a state_dict: tensors by name"],
  ])("%s", async (name, message) => {
    expect(await failure(fixture(name))).toContain(message);
  });

  it("tensors outside their storage, and storages that are missing or short", async () => {
    const data = { "0": eighths(...count(6)) };
    const cases = [
      [
        tensor(storage("0", 6), 1, [2, 3], [3, 1]),
        'tensor "a" F32 [2, 3] ends at byte 28 of archive/data/0, which has 24',
      ],
      [tensor(storage("0", 6), 0, [2, 3], [9, 1]), "ends at byte 48 of archive/data/0, which has 24"],
      [tensor(storage("9", 6), 0, [2, 3], [3, 1]), 'tensor "a" is in archive/data/9, which is missing'],
      [tensor(storage("0", 6), -1, [2, 3], [3, 1]), "a tensor that is not described as expected"],
      [tensor(storage("0", 6), 0, [2, 3], [3]), "a tensor of shape [2, 3] with strides [3]"],
      [tensor(storage("0", 6), 0, [2 ** 20, 2 ** 20], [0, 0]), "repeats a few elements too often"],
      [tensor(storage("../0", 6), 0, [2, 3], [3, 1]), "archive/data/../0, which is missing"],
      [7, 'holds something else under "a", expected a state_dict'],
    ] as const;
    for (const [value, message] of cases) {
      await writeArchive(at("wrong.pt"), writePickle({ a: value }), data);
      expect(await failure(at("wrong.pt"))).toContain(message);
    }
  });

  it("big-endian data, compressed entries and archives without a pickle", async () => {
    const state = writePickle({ a: tensor(storage("0", 2), 0, [2], [1]) });
    const data = { "0": eighths(1, 2) };
    await writeArchive(at("big.pt"), state, data, { byteorder: "big" });
    expect(await failure(at("big.pt"))).toContain("was written on a big-endian machine");
    await writeArchive(at("deflated.pt"), state, data, { compress: true });
    expect(await failure(at("deflated.pt"))).toMatch(/has archive\/\S+ compressed or encrypted, expected it stored/);
    await writeArchive(at("other.pt"), state, data, { root: "a/b" });
    expect(await failure(at("other.pt"))).toContain("is a zip archive without a data.pkl");
  });

  it("files of other kinds, by what they are", async () => {
    const kinds = {
      "": "is empty",
      "version https://git-lfs.github.com/spec/v1\n": "is a pointer to a large file",
      "<!doctype html>": "is a page of HTML",
      "just text": "is no zip archive",
      '{ "hidden_size": 32 }': "is JSON; name the file of the weights",
      "PK just text": "as a zip archive it cannot be read",
    };
    for (const [content, message] of Object.entries(kinds)) {
      await writeFile(at("kind.bin"), content);
      expect(await failure(at("kind.bin"))).toContain(`kind.bin: ${message}`);
    }
    expect(await failure(at("gone.bin"))).toContain("there is no such file; check the path");
  });
});

describe("whatever the bytes", () => {
  /** A read that ends, and ends well or with a message for people. */
  async function expectSound(file: string): Promise<void> {
    const outcome = await readAll(file).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (outcome === undefined) return;
    expect(outcome).toMatchObject({ name: "UserError", message: expect.stringMatching(/^[^\n]+$/) });
  }

  it("a cut file is refused", async () => {
    const names = await readdir(fixture(""));
    for (const name of names.filter((file) => file.startsWith("layouts"))) {
      const whole = await readFile(fixture(name));
      for (let length = 0; length < whole.length; length += 97) {
        await writeFile(at("cut.pt"), whole);
        await truncate(at("cut.pt"), length);
        expect(await failure(at("cut.pt"))).toMatch(/^UserError: .*cut\.pt: [^\n]+$/);
      }
    }
  });

  it("a pickle of anything ends", async () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), opcodes());
    await fc.assert(
      fc.asyncProperty(bytes, async (random) => {
        await writeArchive(at("random.pt"), Buffer.from(random), { "0": eighths(1, 2, 3) });
        await expectSound(at("random.pt"));
      }),
      { numRuns: 300 },
    );
  });

  it("a file with changed bytes ends", async () => {
    const whole = await readFile(fixture("layouts-2.pt"));
    const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(changes, async (places) => {
        const changed = Buffer.from(whole);
        for (const [place, byte] of places) changed[place] = byte;
        await writeFile(at("changed.pt"), changed);
        await expectSound(at("changed.pt"));
      }),
      { numRuns: 300 },
    );
  });

  it("a pickle that grows with every opcode ends", async () => {
    // A tuple of itself twice, again and again: 2^60 leaves in 200 bytes; and a tuple within a tuple, 10^5 deep.
    const doubled = Buffer.from([0x80, 2, 0x29, ...range(60).flatMap(() => [0x71, 0, 0x68, 0, 0x86])]);
    const deep = Buffer.concat([Buffer.from([0x80, 2, 0x29]), Buffer.alloc(100_000, 0x85)]);
    for (const value of [doubled, deep]) {
      const ends = [Buffer.from("."), Buffer.from([0x71, 0, 0x68, 0, 0x93, 0x2e]), Buffer.from("Q.")];
      for (const end of ends) {
        await writeArchive(at("growing.pt"), Buffer.concat([value, end]), {});
        expect(await failure(at("growing.pt"))).toMatch(/^UserError: [^\n]{0,400}$/);
      }
    }
  });
});

/** Pickles of the opcodes that the reader knows, with small operands, in any order. */
function opcodes(): fc.Arbitrary<Uint8Array> {
  const known = [0x80, 0x95, 0x4e, 0x88, 0x4a, 0x4b, 0x4d, 0x8a, 0x47, 0x58, 0x8c, 0x42, 0x43, 0x28, 0x29, 0x74, 0x85];
  const others = [0x86, 0x87, 0x5d, 0x61, 0x65, 0x7d, 0x73, 0x75, 0x71, 0x94, 0x68, 0x63, 0x93, 0x51, 0x52, 0x62, 0x2e];
  return fc
    .array(fc.oneof(fc.constantFrom(...known, ...others), fc.nat(4)), { maxLength: 100 })
    .map((bytes) => Uint8Array.from(bytes));
}

it("writes no tensor whose pieces do not fit its shape", async () => {
  const file = at("short.bin");
  const tensor = (shape: readonly number[], ...lengths: number[]) => ({
    shape,
    pieces: async function* () {
      for (const length of lengths) yield new Float32Array(length);
    },
  });
  const written = (of: ReturnType<typeof tensor>) => failureOf(writePyTorch(file, new Map([["w", of]])));
  for (const lengths of [[3], [5, 2]]) {
    const found = lengths.reduce((sum, length) => sum + length);
    expect(await written(tensor([2, 3], ...lengths))).toBe(
      `UserError: ${file}: tensor "w": expected 6 elements for shape [2, 3], found ${found}; correct the shape or the data`,
    );
  }
  expect(await written(tensor([-2, -3], 6))).toContain(
    'tensor "w" has the shape [-2, -3], expected whole numbers from 0',
  );
});
