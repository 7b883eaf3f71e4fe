/** An index of shards that names what cannot be. */

import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { openWeights } from "../../src/formats/index.ts";
import { failure, useFolder } from "./helpers.ts";

const { at } = useFolder();

describe("an index of shards", () => {
  it.each<[string, unknown, string]>([
    ["no object", null, "the whole: is null, expected an object"],
    ["a list of tensors", { weight_map: ["a"] }, 'weight_map: is ["a"], expected an object'],
    ["a number for a file", { weight_map: { a: 7 } }, "weight_map.a: is 7, expected a text"],
    ["a file elsewhere", { weight_map: { a: "../a.bin" } }, 'names the file "../a.bin", expected one beside it'],
    ["a file with a zero byte", { weight_map: { a: "a\0b" } }, "its name has a zero byte; correct what names it"],
    ["no file", { weight_map: { a: "" } }, "it is a folder, not a file"],
    ["a file that is not there", { weight_map: { a: "b.bin" } }, "there is no such file; check the path"],
  ])("of %s is refused", async (_, index, message) => {
    await writeFile(at("model.bin.index.json"), JSON.stringify(index));
    const found = await failure(openWeights(at("model.bin.index.json")));
    expect(found).toMatch(/^UserError: [^\n]+$/);
    expect(found).toContain(message);
  });
});
