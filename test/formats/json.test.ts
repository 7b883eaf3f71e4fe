import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { readJson, writeJson } from "../../src/formats/json/json.ts";
import { findJsonFault } from "../../src/formats/json/json-fault.ts";
import { anyText } from "../support/any-text.ts";
import { failure, useFolder } from "./helpers.ts";

const folder = useFolder();

async function readText(text: string): Promise<string> {
  await writeFile(folder.at("a.json"), text);
  return failure(readJson(folder.at("a.json")));
}

test("writes two-space JSON with a newline at the end", async () => {
  await writeJson(folder.at("a.json"), { layers: 3, tags: ["é"], nothing: null });
  expect(await readFile(folder.at("a.json"), "utf8")).toBe(
    '{\n  "layers": 3,\n  "tags": [\n    "é"\n  ],\n  "nothing": null\n}\n',
  );
  expect(await readdir(folder.at())).toEqual(["a.json"]);
});

test("reads what it wrote", async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.jsonValue(), fc.dictionary(anyText, fc.array(anyText))), async (value) => {
      await writeJson(folder.at("a.json"), value);
      expect(await readJson(folder.at("a.json"))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
    { numRuns: 50 },
  );
});

test("skips a byte order mark", async () => {
  await writeFile(folder.at("a.json"), "\uFEFF[7]");
  expect(await readJson(folder.at("a.json"))).toEqual([7]);
});

describe("a schema", () => {
  const schema = z.object({ model: z.object({ layers: z.int() }), rate: z.number().default(0.5) });

  test("types the value and fills its defaults", async () => {
    await writeJson(folder.at("a.json"), { model: { layers: 3 } });
    const value: { model: { layers: number }; rate: number } = await readJson(folder.at("a.json"), schema);
    expect(value).toEqual({ model: { layers: 3 }, rate: 0.5 });
  });

  test.each([
    [{ model: { layers: "3" } }, 'model.layers: is "3", expected a number; correct the file'],
    [
      { model: { layers: 3.5 }, rate: "x" },
      "model.layers: is 3.5, expected a whole number (and 1 more); correct the file",
    ],
    [[1], "the whole: is [1], expected an object; correct the file"],
  ])("refuses %j", async (value, reason) => {
    await writeJson(folder.at("a.json"), value);
    expect(await failure(readJson(folder.at("a.json"), schema))).toBe(`UserError: ${folder.at("a.json")}: ${reason}`);
  });
});

describe("errors", () => {
  test("a missing file and a folder", async () => {
    expect(await failure(readJson(folder.at("none.json")))).toBe(
      `UserError: cannot read ${folder.at("none.json")}: there is no such file; check the path`,
    );
    await mkdir(folder.at("folder"));
    expect(await failure(readJson(folder.at("folder")))).toBe(
      `UserError: cannot read ${folder.at("folder")}: it is a folder, not a file; check the path`,
    );
    expect(await failure(writeJson(folder.at("folder"), 1))).toBe(
      `UserError: cannot write ${folder.at("folder")}: it is a folder, not a file; check the path`,
    );
  });

  test.each([
    ['{\n  "a": 1,\n  "b": oops\n}\n', "3:8"],
    ['{"a": 1,}', "1:9"],
    ['{"a" 1}', "1:6"],
    ["[1, 2", "1:6"],
    ["[1 2]", "1:4"],
    ["[1]\n]", "2:1"],
    ["[01]", "1:3"],
    ['["open', "1:2"],
    ['["bad \\x escape"]', "1:2"],
    ['{"a": [1, {"b": ]}', "1:17"],
    ["{1: 2}", "1:2"],
    ["[}", "1:2"],
  ])("%j is not JSON at %s", async (text, place) => {
    expect(await readText(text)).toBe(
      `UserError: ${folder.at("a.json")}:${place}: this is not JSON; correct the file or write it again`,
    );
  });

  test("a pointer to a large file", async () => {
    expect(await readText("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")).toBe(
      `UserError: ${folder.at("a.json")}: is a pointer to a large file, not the file; fetch it with: git lfs pull`,
    );
  });

  test("an empty file", async () => {
    expect(await readText("\n")).toBe(
      `UserError: ${folder.at("a.json")}:2:1: the file is empty; correct the file or write it again`,
    );
  });
});

describe("findJsonFault", () => {
  test("finds none in JSON, of any length", () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: "binary" }), (text) => {
        expect(findJsonFault(text)).toBe(text.length);
      }),
    );
    const long = JSON.stringify("\n".repeat(1_000_003));
    expect(findJsonFault(long)).toBe(long.length);
  });

  test("agrees with JSON.parse on JSON with one character changed", () => {
    const signs = fc.constantFrom(...'{}[],:"\\01-.eEtu \n\tx\u0001');
    fc.assert(
      fc.property(fc.json(), fc.nat(), signs, (json, place, sign) => {
        const at = place % (json.length + 1);
        const text = json.slice(0, at) + sign + json.slice(at + 1);
        const fault = findJsonFault(text);
        if (isJson(text)) expect(fault).toBe(text.length);
        // What comes before the fault is only unfinished: JSON never faults earlier in it.
        if (fault < text.length) expect(isJson(text)).toBe(false);
        expect(findJsonFault(text.slice(0, fault))).toBe(fault);
      }),
      { numRuns: 1000 },
    );
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
