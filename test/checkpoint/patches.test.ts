import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { loadCheckpoint, openCheckpoint, saveCheckpoint } from "../../src/checkpoint/index.ts";
import { type Patch, patched } from "../../src/formats/portable.ts";
import { headerName, openTokenFile, writeTokenFile } from "../../src/text/index.ts";
import { openRun } from "../../src/training/index.ts";
import { useFolder } from "../formats/helpers.ts";
import { useDevice } from "../support/device.ts";
import { corpus, tinyConfig } from "../training/support.ts";

const device = useDevice("cpu", { threads: 1 });
const folder = useFolder();

describe("patches", () => {
  const add = (name: string): Patch => ({ name, apply: (value) => ({ ...value, [name]: Object.keys(value).length }) });
  const patches = [add("a"), add("b"), add("c")];

  it.each([
    [{ x: 1 }, ["a", "b", "c"], { x: 1, a: 1, b: 2, c: 3, formatVersion: 3 }],
    [{ x: 1, formatVersion: 0 }, ["a", "b", "c"], { x: 1, a: 2, b: 3, c: 4, formatVersion: 3 }],
    [{ x: 1, formatVersion: 2 }, ["c"], { x: 1, c: 2, formatVersion: 3 }],
    [{ x: 1, formatVersion: 3 }, [], { x: 1, formatVersion: 3 }],
    // Those are for the schema to refuse.
    [{ formatVersion: "1" }, [], { formatVersion: "1" }],
    [{ formatVersion: -1 }, [], { formatVersion: -1 }],
    [{ formatVersion: 0.5 }, [], { formatVersion: 0.5 }],
    [[1], [], [1]],
    [null, [], null],
  ])("make the present version of %j, one after the other", (value, applied, expected) => {
    expect(patched(value, patches, 3)).toEqual({ value: expected, applied });
  });

  it("leave what they are given as it was", () => {
    const value = Object.freeze({ x: 1 });
    patched(value, patches, 3);
    expect(value).toEqual({ x: 1 });
  });
});

it("a checkpoint of version 0, from before versions were noted, is read, told, and written as the present one", async () => {
  const run = await openRun({ config: tinyConfig(), data: corpus, device: device() });
  const checkpoint = await run.checkpoint();
  await run.close();
  await saveCheckpoint(folder.at("run"), checkpoint);
  const expected = await loadCheckpoint(folder.at("run"));
  const names = ["config.json", "training.json"].map((name) => folder.at("run", name));
  for (const name of names) {
    const { formatVersion: _, ...older } = JSON.parse(await readFile(name, "utf8"));
    await writeFile(name, JSON.stringify(older));
  }
  const { patches, tokenizer: _, ...loaded } = await loadCheckpoint(folder.at("run"));
  expect(patches).toEqual(names.map((name) => `${name}: the version is noted`));
  const { tokenizer: __, ...others } = expected;
  expect(loaded).toEqual(others);
  await saveCheckpoint(folder.at("run"), { ...expected, ...loaded });
  const again = await openCheckpoint(folder.at("run"));
  expect(again.summary.patches).toBeUndefined();
  await again.close();
});

it("the header of a token file of version 0 is read as one of the present one, and a newer one is told", async () => {
  const file = folder.at("a.bin");
  const { version: _, ...header } = await writeTokenFile(file, [Uint32Array.of(3, 1)], { vocabularySize: 9 });
  await writeFile(headerName(file), JSON.stringify(header));
  const tokens = openTokenFile(file);
  expect([...tokens.read(0, 2)]).toEqual([3, 1]);
  tokens.close();
  await writeFile(headerName(file), JSON.stringify({ ...header, version: 2 }));
  expect(() => openTokenFile(file)).toThrow(
    "a.bin.json: has version 2, this program reads up to 1; install a newer tokenformer",
  );
});
