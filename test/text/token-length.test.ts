import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CharacterTokenizer, loadTokenizer, longestTokenBytes, trainBytePairEncoding } from "../../src/text/index.ts";
import { anyText } from "../support/any-text.ts";
import { markSpaces } from "../support/sentence-piece.ts";

const bytePairs = trainBytePairEncoding("the whale, the whale. größer, größer 🙂🙂 ".repeat(20), {
  vocabularySize: 300,
  specialTokens: ["<|endoftext|>"],
});

const objectOf = (value: unknown): object => (typeof value === "object" && value !== null ? value : {});

/** The contents of a tokenizer.json like another, with some parts replaced. */
const changed = (parts: object, model: object = {}) => {
  const json = objectOf(bytePairs);
  return { ...json, ...parts, model: { ...("model" in json ? objectOf(json.model) : {}), ...model } };
};

/** As those of SentencePiece: characters with a mark for spaces, and bytes for all others. */
const sentencePieces = {
  added_tokens: [],
  normalizer: markSpaces,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  model: {
    type: "BPE",
    unk_token: "<unk>",
    fuse_unk: true,
    byte_fallback: true,
    vocab: Object.fromEntries(
      [
        ...["<unk>", "▁", "a", "b", "ab", "▁ab", "▁ab▁ab"],
        ...Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`),
      ].map((token, id) => [token, id]),
    ),
    merges: ["a b", "▁ ab", "▁ab ▁ab"],
  },
};

const nfc = changed({ normalizer: { type: "NFC" } });
const tokenizers: readonly (readonly [name: string, json: unknown])[] = [
  ["byte pairs", bytePairs],
  ["byte pairs of composed characters", nfc],
  ["pairs of characters, or bytes", sentencePieces],
  ["characters", CharacterTokenizer.fromText("ab é🙂\n").toJSON()],
  ["characters or an unknown one", CharacterTokenizer.fromText("ab \n", { unknown: true }).toJSON()],
];

const anyPieces = fc.oneof(
  anyText,
  fc
    .array(fc.constantFrom("a", "b", "ab", " ", "é", "🙂", "\n", "the whale", "\u1fbe\u0308\u0301", "<|endoftext|>"), {
      maxLength: 60,
    })
    .map((parts) => parts.join("")),
);

describe("the longest text of a token", () => {
  it.each(tokenizers)("bounds the tokens of any text from below: %s", (_, json) => {
    const tokenizer = loadTokenizer(json, "test");
    const longest = longestTokenBytes(tokenizer) ?? Number.NaN;
    expect(longest).toBeGreaterThan(0);
    fc.assert(
      fc.property(anyPieces, (text) => {
        let count: number;
        try {
          count = tokenizer.encode(text).length;
        } catch {
          return; // a character that is not in the vocabulary
        }
        expect(count * longest).toBeGreaterThanOrEqual(Buffer.byteLength(text));
      }),
      { numRuns: 400 },
    );
  });

  it("is that of the vocabulary's longest token, in bytes", () => {
    expect(longestTokenBytes(loadTokenizer(sentencePieces, "test"))).toBe(Buffer.byteLength("▁ab▁ab"));
    expect(longestTokenBytes(loadTokenizer(bytePairs, "test"))).toBe("<|endoftext|>".length);
    expect(longestTokenBytes(CharacterTokenizer.fromText("ab🙂"))).toBe(4);
  });

  it.each([
    ["words that may be unknown", { model: { type: "WordPiece", unk_token: "[UNK]", vocab: { "[UNK]": 0, a: 1 } } }],
    ["white space that is dropped", changed({ pre_tokenizer: { type: "WhitespaceSplit" } })],
    [
      "a separator that is dropped",
      changed({ pre_tokenizer: { type: "Split", pattern: { String: " " }, behavior: "Removed" } }),
    ],
    [
      "all but what is found",
      changed({ pre_tokenizer: { type: "Split", pattern: { Regex: "a" }, behavior: "Isolated", invert: true } }),
    ],
    [
      "accents that are dropped",
      changed({ normalizer: { type: "Sequence", normalizers: [{ type: "StripAccents" }] } }),
    ],
    [
      "what is replaced by nothing",
      changed({ normalizer: { type: "Replace", pattern: { String: "a" }, content: "" } }),
    ],
    ["a token that takes the spaces before it", changed({ added_tokens: [{ id: 300, content: "x", lstrip: true }] })],
    ["runs of unknown characters", changed({}, { unk_token: "!", fuse_unk: true })],
  ])("is not known where there is none: %s", (_, json) => {
    const unknown = {
      kind: "json",
      vocabularySize: 1,
      encode: () => new Uint32Array(),
      decode: () => "",
      toJSON: () => json,
    } as const;
    expect(longestTokenBytes(unknown)).toBeUndefined();
  });

  it("knows by how much composing characters shortens a text", () => {
    // The longest spelling of each character that others can be written as.
    const spellings = new Map<string, number>();
    const composed: string[] = [];
    for (let code = 0; code <= 0x10ffff; code++) {
      if (code >= 0xd800 && code < 0xe000) continue;
      const character = String.fromCodePoint(code);
      const parts = character.normalize("NFD");
      if (character.normalize("NFC") === character) composed.push(character);
      const longest = Math.max(spellings.get(parts) ?? 0, Buffer.byteLength(character));
      if ([...parts].length === 1 && (parts !== character || code < 0x3000)) spellings.set(parts, longest);
    }
    const spelt = (character: string) =>
      [...character.normalize("NFD")].reduce((sum, part) => sum + (spellings.get(part) ?? Buffer.byteLength(part)), 0);
    const worst = composed.reduce(
      (most, character) => Math.max(most, spelt(character) / Buffer.byteLength(character)),
      0,
    );
    expect(worst).toBe(3.5);
    expect(longestTokenBytes(loadTokenizer(nfc, "test"))).toBe(4 * "<|endoftext|>".length);
  });
});
