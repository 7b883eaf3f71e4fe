/** Texts that come piece by piece. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { divided, NOWHERE, type TextPiece, wordBoundary } from "../../src/text/index.ts";

async function* piecesOf(texts: readonly (readonly string[])[]): AsyncGenerator<TextPiece> {
  for (const pieces of texts) {
    for (const [index, text] of pieces.entries()) yield { text, isLast: index === pieces.length - 1 };
  }
}

async function joined(texts: readonly (readonly string[])[], boundary: Parameters<typeof divided>[1], least: number) {
  const found: string[][] = [[]];
  for await (const { text, isLast } of divided(piecesOf(texts), boundary, "texts", least)) {
    found.at(-1)?.push(text);
    if (isLast) found.push([]);
  }
  return found.slice(0, -1);
}

const text = fc.array(fc.string({ unit: fc.constantFrom("a", "b", " ", "\n", "\r\n", "é"), maxLength: 12 }), {
  minLength: 1,
  maxLength: 6,
});

describe("pieces", () => {
  it("are divided between a word and white space alone, and text by text", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 4 }), fc.nat(8), async (texts, least) => {
        const boundary = wordBoundary([]);
        const found = await joined(texts, boundary, least);
        expect(found.map((pieces) => pieces.join(""))).toEqual(texts.map((pieces) => pieces.join("")));
        for (const pieces of found) {
          for (const [index, piece] of pieces.entries()) {
            if (index === 0) continue;
            expect(piece).toMatch(/^\s/);
            expect(pieces[index - 1]).toMatch(/\S$/);
          }
        }
      }),
    );
  });

  it("are divided where they can be, not only at the end", async () => {
    const long = ["ab cd", "x".repeat(3000), " e"];
    expect(await joined([long], wordBoundary([]), 4)).toEqual([["ab", ` cd${"x".repeat(3000)} e`]]);
    expect(await joined([long], NOWHERE, 4)).toEqual([[long.join("")]]);
    expect(await joined([long], "anywhere", 4)).toEqual([long]);
  });

  it("are divided at a place that only the next piece shows", async () => {
    const boundary = wordBoundary(["<end of text>"]);
    for (const [first, ...others] of [
      ["ab", "\nc", "d"],
      ["ab\r", "\nc", "d"],
      ["ab", "\r", "\nc", "d"],
      ["a😀\r", "\nc", "d"],
    ] as const) {
      const found = await joined([[first, ...others]], boundary, 1);
      expect(found.flat().map((piece) => piece.replace(/[\r\n]+/, "|"))).toEqual([first.replace("\r", ""), "|cd"]);
    }
  });

  it("are divided at ends of lines where tokens have white space within, and nowhere where these reach over them", async () => {
    const pieces = ["a b", "\nc d", " e"];
    expect(await joined([pieces], wordBoundary(["<end of text>"]), 1)).toEqual([["a b", "\nc d e"]]);
    expect(wordBoundary(["<end\n>"])).toEqual({ because: "a special token has a line break within" });
  });

  it("that cannot be divided are refused when they are longer than a string can be", async () => {
    const half = "x".repeat(2 ** 28);
    await expect(joined([[half, half]], wordBoundary([]), 9)).rejects.toThrow(
      "texts: a text has more than 536870888 characters, expected fewer, as it has no white space at which it could be divided; split it",
    );
    await expect(joined([[half, half]], NOWHERE, 9)).rejects.toThrow("as the tokenizer takes only whole texts; split");
  });
});
