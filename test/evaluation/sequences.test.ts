import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { sequenceOf, windowsOf } from "../../src/evaluation/sequences.ts";
import { CharacterTokenizer, loadTokenizer, trainBytePairEncoding } from "../../src/text/index.ts";

const letters = CharacterTokenizer.fromText("\n abcdefgh");
const text = "the whale and the sea, the whale and the ship, the whales";
const pairs = loadTokenizer(
  trainBytePairEncoding(text, { vocabularySize: 290, specialTokens: ["<|endoftext|>"] }),
  "test",
);
const END = pairs.vocabularySize - 1;

const ids = (...texts: string[]) => texts.flatMap((text) => [...pairs.encode(text)]);

describe("a text after another", () => {
  it("is scored as what the whole has beyond the context", () => {
    const { tokens, scored } = sequenceOf(letters, { context: "abc", continuation: "de" }, 9);
    expect([...tokens]).toEqual([2, 3, 4, 5, 6]);
    expect(scored).toBe(2);
  });

  it("takes over the white space at the end of the context", () => {
    const { tokens, scored } = sequenceOf(pairs, { context: "the  ", continuation: "whale" }, 99);
    expect([...tokens.slice(0, -scored)]).toEqual(ids("the"));
    expect([...tokens]).toEqual(ids("the  whale"));
    expect(ids("the  ", "whale")).not.toEqual(ids("the  whale"));
  });

  it("keeps the context's own tokens where the whole has others", () => {
    const merged = ids("whale").length;
    const { tokens, scored } = sequenceOf(pairs, { context: "wha", continuation: "le" }, 99);
    expect([...tokens]).toEqual([...ids("wha"), ...ids("whale").slice(ids("wha").length)]);
    expect(scored).toBe(Math.max(0, merged - ids("wha").length));
  });

  it("begins with a token that begins a text where there is no context", () => {
    for (const context of ["", " "]) {
      const { tokens, scored } = sequenceOf(pairs, { context, continuation: " whale" }, 99);
      expect([...tokens]).toEqual([END, ...ids(`${context} whale`)]);
      expect(scored).toBe(ids(`${context} whale`).length);
    }
    expect([...sequenceOf(letters, { context: "", continuation: "ab" }, 9).tokens]).toEqual([0, 2, 3]);
    const begun = sequenceOf(pairs, { context: "", continuation: "<|endoftext|> whale" }, 99);
    expect([...begun.tokens]).toEqual([END, ...ids(" whale")]);
  });

  it("loses its first tokens where it is too long", () => {
    const { tokens, scored } = sequenceOf(letters, { context: "abcdef", continuation: "gh" }, 4);
    expect([...tokens]).toEqual([6, 7, 8, 9]);
    expect(scored).toBe(2);
  });

  it("is refused where nothing is left before it, or nothing can stand there", () => {
    const attempt = () => sequenceOf(letters, { context: "abc", continuation: "defg" }, 4);
    expect(attempt).toThrow(UserError);
    expect(attempt).toThrow("what is to be scored has 4 tokens, expected at most 3; leave the line out");
    const bare = CharacterTokenizer.fromText("abc");
    expect(() => sequenceOf(bare, { context: "", continuation: "a" }, 4)).toThrow(
      /neither a token .* nor a line break/,
    );
  });
});

describe("the windows of a text", () => {
  it("overlap by one token, and the last is as long as the others", () => {
    const windows = windowsOf(letters, "abcdefgh", 4);
    expect(windows.map(({ tokens, scored }) => [[...tokens], scored])).toEqual([
      [[0, 2, 3, 4], 3],
      [[4, 5, 6, 7], 3],
      [[6, 7, 8, 9], 2],
    ]);
  });

  it("are none of no text", () => {
    expect(windowsOf(letters, "", 4)).toEqual([]);
  });

  it("score each token once, in order, each after at least one other", () => {
    const alphabet = fc.string({ unit: fc.constantFrom(..."abcdefgh \n"), maxLength: 40 });
    fc.assert(
      fc.property(alphabet, fc.integer({ min: 2, max: 11 }), (text, longest) => {
        const windows = windowsOf(letters, text, longest);
        expect(windows.flatMap(({ tokens, scored }) => [...tokens.slice(-scored)])).toEqual([...letters.encode(text)]);
        for (const { tokens, scored } of windows) {
          expect(tokens.length).toBe(Math.min(longest, text.length + 1));
          expect(scored).toBeLessThan(tokens.length);
        }
      }),
    );
  });
});
