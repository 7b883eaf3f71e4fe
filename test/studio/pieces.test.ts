/** What texts are cut into in the studio, and what a model of them is first asked to go on from. */

import { expect, it } from "vitest";
import { corpusOf, openingOf, tokenizerOf, vocabularyOf } from "../../studio/src/engine/pieces.ts";

const POEM = "床前明月光，疑是地上霜。举头望明月，低头思故乡。\n".repeat(40);

it("can ask a model of characters about others where there is a sign for them, and one of byte pairs about any", () => {
  const decoded = (pieces: Parameters<typeof tokenizerOf>[1], text: string) => {
    const tokenizer = tokenizerOf(POEM, pieces);
    return tokenizer.decode(tokenizer.encode(text));
  };
  expect(() => decoded("characters", "月 whale")).toThrow(/"w"|" "/);
  expect(decoded("characters and unknown", "月w")).toBe("月<unk>");
  expect(decoded("byte-pairs", "月 whale €")).toBe("月 whale €");
});

it("knows how many tokens there are before it makes them", () => {
  for (const pieces of ["characters", "characters and unknown"] as const)
    expect(vocabularyOf(POEM, pieces)).toBe(tokenizerOf(POEM, pieces).vocabularySize);
  // A short text has fewer frequent pairs than there are tokens for.
  expect(tokenizerOf(POEM, "byte-pairs").vocabularySize).toBeLessThanOrEqual(vocabularyOf(POEM, "byte-pairs"));
});

it("begins with the text's own words, which its model can surely read", () => {
  expect(openingOf("\n\n The ship was bound for somewhere that nobody on board had heard of.")).toBe(
    "The ship was bound for somewhere that nobody on",
  );
  expect(openingOf("short\nlines")).toBe("short");
  expect(openingOf(POEM)).toBe("床前明月光，疑是地上霜。举头望明月，低头思故乡。");
  expect(openingOf("ETYMOLOGY.\nCall me Ishmael. Some years ago, never mind")).toBe("Call me Ishmael. Some years ago");
  const tokenizer = tokenizerOf(POEM, "characters");
  expect(tokenizer.encode(openingOf(POEM))).toHaveLength(24);
  expect(corpusOf({ name: "poem", text: POEM }, tokenizer).train.length).toBe(900);
});
