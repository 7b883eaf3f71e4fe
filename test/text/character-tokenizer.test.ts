import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { CharacterTokenizer } from "../../src/text/character-tokenizer.ts";
import { JsonTokenizer } from "../../src/text/json-tokenizer.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { anyText } from "../support/any-text.ts";

describe("CharacterTokenizer", () => {
  it("numbers the distinct characters in the order of their code points", () => {
    const tokenizer = CharacterTokenizer.fromText("hello\r\n");
    expect(tokenizer.vocabularySize).toBe(6);
    expect(tokenizer.encode("\n\rehlo")).toEqual(Uint32Array.of(0, 1, 2, 3, 4, 5));
    expect(tokenizer.decode([3, 2, 4, 4, 5])).toBe("hello");
  });

  it("takes astral characters whole and sorts them after the others", () => {
    const tokenizer = CharacterTokenizer.fromText("😀\uffee😀a");
    expect(tokenizer.encode("a\uffee😀")).toEqual(Uint32Array.of(0, 1, 2));
    expect(tokenizer.decode([2, 0])).toBe("😀a");
  });

  it("has special tokens of one character once, which stand for that character", () => {
    const tokenizer = CharacterTokenizer.fromText("b|a", { specialTokens: ["|"] });
    expect(tokenizer.vocabularySize).toBe(3);
    for (const read of [tokenizer, loadTokenizer(tokenizer.toJSON(), "test")]) {
      expect(read.encode("|ab")).toEqual(Uint32Array.of(2, 0, 1));
      expect(read.decode([2, 1])).toBe("|b");
    }
    expect(() => CharacterTokenizer.fromText("a", { unknown: true, specialTokens: ["<unk>"] })).toThrow(
      /^special tokens: <unk> is that of "character\+unknown"/,
    );
  });

  it("takes half a surrogate pair that stands alone as a character", () => {
    const tokenizer = CharacterTokenizer.fromText("a\ud83d b\ude00");
    expect(tokenizer.decode(tokenizer.encode("b\ud83da\ude00"))).toBe("b\ud83da\ude00");
    expect(loadTokenizer(JSON.parse(JSON.stringify(tokenizer)), "test").encode("\ude00")).toHaveLength(1);
  });

  it("handles one character and no text", () => {
    const tokenizer = CharacterTokenizer.fromText("x");
    expect(tokenizer.vocabularySize).toBe(1);
    expect(tokenizer.encode("")).toEqual(new Uint32Array(0));
    expect(tokenizer.decode([])).toBe("");
  });

  it("decodes what it encoded", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        fc.pre(text !== "");
        const tokenizer = CharacterTokenizer.fromText(text);
        const ids = tokenizer.encode(text);
        expect(ids).toHaveLength([...text].length);
        expect(tokenizer.decode(ids)).toBe(text);
      }),
    );
  });

  it("gives characters it has not seen the unknown token, if it has one", () => {
    const tokenizer = CharacterTokenizer.fromText("ab", { unknown: true });
    expect(tokenizer.vocabularySize).toBe(3);
    expect(tokenizer.encode("a😀<")).toEqual(Uint32Array.of(0, 2, 2));
    expect(tokenizer.decode([0, 2])).toBe("a<unk>");
    expect(CharacterTokenizer.fromText("", { unknown: true }).encode("x")).toEqual(Uint32Array.of(0));
  });

  it("decodes ids without a token to nothing", () => {
    expect(CharacterTokenizer.fromText("ab").decode([0, 7, 1])).toBe("ab");
  });

  it("names a character that it lacks and where it stands", () => {
    const tokenizer = CharacterTokenizer.fromText("ab\n");
    expect(() => tokenizer.encode("ab\nab😀a")).toThrow(
      expect.objectContaining({
        name: "UserError",
        character: "😀",
        place: "2:3",
        message:
          'Character "😀" (U+1F600) at 2:3 is not in the vocabulary, expected only characters of the text it was made from; ' +
          'remove it, or train a model with the tokenizer "character+unknown" or "bpe:1024", or take it in while training on: train --from RUN --extend-vocabulary',
      }),
    );
    expect(() => tokenizer.encode("\t")).toThrow('Character "\\t" (U+0009) at 1:1 is not in the vocabulary');
  });

  it("refuses to be made from nothing", () => {
    expect(() => CharacterTokenizer.fromText("")).toThrow(
      new UserError("The text for a character vocabulary is empty, expected at least one character; give a text"),
    );
  });

  it("is saved as a tokenizer.json that is read alike as one of byte pairs", () => {
    fc.assert(
      fc.property(anyText, anyText, fc.boolean(), (text, other, unknown) => {
        fc.pre(text !== "");
        const tokenizer = CharacterTokenizer.fromText(text, { unknown });
        const json: unknown = JSON.parse(JSON.stringify(tokenizer));
        const loaded = loadTokenizer(json, "test");
        expect(loaded.kind).toBe("character");
        expect(loaded.toJSON()).toEqual(tokenizer.toJSON());
        const sample = unknown ? other : text;
        const ids = tokenizer.encode(sample);
        fc.pre(!/\p{Surrogate}/u.test(text + other)); // no text in UTF-8
        const reader = new JsonTokenizer(json, "test");
        expect(reader.encode(sample)).toEqual(ids);
        expect(reader.decode(ids)).toBe(tokenizer.decode(ids));
      }),
    );
  });

  // Ids of Python's tokenizers 0.23.
  it.each([
    ["takes the spaces before it", [{ content: "<s>", lstrip: true }], "a  <s> a", [0, 2, 1, 0]],
    ["takes the spaces after it", [{ content: "<s>", rstrip: true }], "a  <s> a", [0, 1, 1, 2, 0]],
    ["is a word of its own", [{ content: "aa", single_word: true }], "aaa aa", [0, 0, 0, 1, 2]],
    ["is found in normalised text", [{ content: "aa", normalized: true }, { content: "a " }], "aaa aa", [2, 3, 2]],
    ["is the unknown one", [{ content: "<unk>" }], "a b <unk>a", [0, 1, 2, 1, 2, 0]],
  ])("is left to a reader of byte pairs where a special token %s", (_, added, text, ids) => {
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
    const json = {
      ...{ version: "1.0", truncation: null, padding: null, normalizer: null, pre_tokenizer: null },
      added_tokens: added.map((token, index) => ({ id: 2 + index, ...plain, ...token })),
      post_processor: null,
      decoder: { type: "Fuse" },
      model: {
        ...{ type: "BPE", dropout: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false },
        byte_fallback: false,
        unk_token: added[0]?.content === "<unk>" ? "<unk>" : null,
        vocab: Object.fromEntries(["a", " ", ...added.map(({ content }) => content)].map((token, id) => [token, id])),
        merges: [],
      },
    };
    const tokenizer = loadTokenizer(json, "test");
    expect([...tokenizer.encode(text)]).toEqual(ids);
    expect([...loadTokenizer(tokenizer.toJSON(), "test").encode(text)]).toEqual(ids);
  });
});
