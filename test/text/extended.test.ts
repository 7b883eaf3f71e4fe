/** Tokenizers that take in more tokens. */

import { describe, expect, it } from "vitest";
import {
  CharacterTokenizer,
  endOfText,
  extendedTokenizer,
  isExtension,
  loadTokenizer,
  trainBytePairEncoding,
} from "../../src/text/index.ts";

const bytes = loadTokenizer(
  trainBytePairEncoding("", { vocabularySize: 257, specialTokens: ["<|endoftext|>"] }),
  "test",
);

/** A tokenizer.json but for its model. */
const bare = {
  ...{ version: "1.0", truncation: null, padding: null, added_tokens: [], normalizer: null },
  ...{ pre_tokenizer: null, post_processor: null, decoder: null },
};

describe("characters", () => {
  it("follow those that are there, whatever stands before them, and are read again", () => {
    const before = CharacterTokenizer.fromText("ac", { unknown: true, specialTokens: ["<end>"] });
    const after = extendedTokenizer(before, ["<end>", "<|b|>"], "cab🙂");
    expect(isExtension(before, after)).toBe(true);
    expect(after.decode([0, 1, 2, 3, 4, 5, 6])).toBe("ac<unk><end>b🙂<|b|>");
    const read = loadTokenizer(after.toJSON(), "test");
    expect(read.kind).toBe("character");
    for (const tokenizer of [after, read]) {
      expect([...tokenizer.encode("a🙂<|b|>b<end>Z")]).toEqual([0, 5, 6, 4, 3, 2]);
    }
    expect(extendedTokenizer(after, ["<|b|>"], "abc")).toBe(after);
    expect(isExtension(after, before)).toBe(false);
    expect(isExtension(before, bytes)).toBe(false);
  });

  it("are not there twice, as special tokens of one character", () => {
    const bar = CharacterTokenizer.fromText("a|", { specialTokens: ["|"] });
    expect(extendedTokenizer(bar, [], "a|")).toBe(bar);
    const more = extendedTokenizer(bar, ["§"], "a|§b");
    expect(more.decode([0, 1, 2, 3])).toBe("a|b§");
    expect([...loadTokenizer(more.toJSON(), "test").encode("§b|a")]).toEqual([3, 2, 1, 0]);
    expect(() => extendedTokenizer(CharacterTokenizer.fromText("a|"), ["|"], "a")).toThrow(
      /^special tokens: "\|" is in the vocabulary already, expected a text that is not/,
    );
  });
});

describe("special tokens", () => {
  it("follow those of any tokenizer; the first ends texts where none did", () => {
    const after = extendedTokenizer(bytes, ["<|im_end|>", "<|endoftext|>"], []);
    expect([after.vocabularySize, isExtension(bytes, after)]).toEqual([258, true]);
    expect([...after.encode("<|im_end|>")]).toEqual([257]);
    expect(endOfText(after)?.content).toBe("<|im_end|>");
    const plain = CharacterTokenizer.fromText("ab");
    expect(endOfText(extendedTokenizer(plain, ["<x>"], []))).toMatchObject({ id: 2, content: "<x>" });
    expect(() => extendedTokenizer(plain, [""], [])).toThrow("special tokens");
    const words = { type: "WordLevel", vocab: { old: 0, unknown: 1 }, unk_token: "unknown" };
    const scored = { type: "Unigram", unk_id: 0, vocab: [["unknown", 0] as const, ["old", -1] as const] };
    const tokenizers = [words, scored].map((model) => loadTokenizer({ ...bare, model }, "test"));
    for (const [tokenizer, taken] of [...tokenizers.map((some) => [some, "old"] as const), [bytes, "|"] as const]) {
      expect(() => extendedTokenizer(tokenizer, ["<x>", taken], [])).toThrow(
        `special tokens: "${taken}" is in the vocabulary already, expected a text that is not`,
      );
    }
  });
});
