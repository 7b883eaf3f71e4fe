/** What texts are cut into in the studio, and what a model of them is first asked to go on from. */

import { writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { openCorpus } from "../../src/data/index.ts";
import { lossParts } from "../../src/data/portable.ts";
import { corpusOf, openingOf, tokenizerOf, vocabularyOf } from "../../studio/src/engine/pieces.ts";
import { useSharedFolder } from "../support/folder.ts";

const folder = useSharedFolder();
const named = (text: string) => ({ name: "poem", text });
const POEM = "床前明月光，疑是地上霜。举头望明月，低头思故乡。\n".repeat(40);

it("can ask a model of characters about others where there is a sign for them, and one of byte pairs about any", () => {
  const decoded = (pieces: Parameters<typeof tokenizerOf>[1], text: string) => {
    const tokenizer = tokenizerOf(named(POEM), pieces);
    return tokenizer.decode(tokenizer.encode(text));
  };
  expect(() => decoded("characters", "月 whale")).toThrow(/"w"|" "/);
  expect(decoded("characters and unknown", "月w")).toBe("月<unk>");
  expect(decoded("byte-pairs", "月 whale €")).toBe("月 whale €");
});

it("knows how many tokens there are before it makes them", () => {
  for (const pieces of ["characters", "characters and unknown"] as const)
    expect(vocabularyOf(POEM, pieces)).toBe(tokenizerOf(named(POEM), pieces).vocabularySize);
  // A short text has fewer frequent pairs than there are tokens for.
  expect(tokenizerOf(named(POEM), "byte-pairs").vocabularySize).toBeLessThanOrEqual(vocabularyOf(POEM, "byte-pairs"));
});

it("begins with the text's own words, which its model can surely read", () => {
  expect(openingOf(named("\n\n The ship was bound for somewhere that nobody on board had heard of."))).toBe(
    "The ship was bound for somewhere that nobody on",
  );
  expect(openingOf(named("short\nlines"))).toBe("short");
  expect(openingOf(named(POEM))).toBe("床前明月光，疑是地上霜。举头望明月，低头思故乡。");
  expect(openingOf(named("ETYMOLOGY.\nCall me Ishmael. Some years ago, never mind"))).toBe(
    "Call me Ishmael. Some years ago",
  );
  const tokenizer = tokenizerOf(named(POEM), "characters");
  expect(tokenizer.encode(openingOf(named(POEM)))).toHaveLength(24);
  expect(corpusOf(named(POEM), tokenizer).train.length).toBe(900);
});

/** Three of each kind, in lines of JSON. */
const RECORDS: Readonly<Record<string, readonly object[]>> = {
  prompts: [1, 2, 3].map((n) => ({ prompt: `${n} and ${n}: `, completion: `${n + n}` })),
  conversations: ["ahoy", "who", "where"].map((content) => ({
    messages: [
      { role: "user", content },
      { role: "assistant", content: `aye, ${content}` },
    ],
  })),
};

it.each(Object.keys(RECORDS).flatMap((kind) => lossParts.map((lossOn) => [kind, lossOn] as const)))(
  "learns what the command line learns of %s in lines of JSON: %s",
  async (kind, lossOn) => {
    const [name, records] = [`${kind}-${lossOn}`, RECORDS[kind]];
    const text = `${records?.map((record) => JSON.stringify(record)).join("\n")}\n`;
    const file = folder(`${name}.jsonl`);
    await writeFile(file, text);
    const expected = await openCorpus({ train: [file], lossOn }, "character");
    const found = corpusOf({ name: file, text, lossOn }, tokenizerOf({ name: file, text }, "characters"));
    expect(found.tokenizer.toJSON()).toEqual(expected.tokenizer.toJSON());
    expect(found.tokenizer.settings?.chatTemplate).toBe(expected.tokenizer.settings?.chatTemplate);
    for (const part of ["train", "validation"] as const) {
      const [here, there] = [found[part], expected[part]];
      expect(here.read(0, here.length)).toEqual(there.read(0, there.length));
      expect(here.documents?.learned).toEqual(there.documents?.learned);
      expect(here.documents?.starts).toEqual(there.documents?.starts);
    }
    expect(found.train.documents?.learned.includes(0)).toBe(lossOn === "completion");
  },
);

it("names the line of JSON that is wrong, and takes other texts that begin with a brace as they are", () => {
  const wrong = named('{"prompt": "a", "completion": "b"}\n{"prompt": "a", "completion": ""}\n');
  expect(() => tokenizerOf(wrong, "characters")).toThrow("poem:2: completion: is empty, expected a text to learn");
  const code = named("{ let x = 1 }\n".repeat(9));
  expect(corpusOf(code, tokenizerOf(code, "characters")).train.documents).toBeUndefined();
});
