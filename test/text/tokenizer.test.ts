import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { trainBytePairEncoding } from "../../src/text/byte-pair-encoding.ts";
import { CharacterTokenizer } from "../../src/text/character-tokenizer.ts";
import { JsonTokenizer } from "../../src/text/json-tokenizer.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { piecesOf } from "../../src/text/pieces.ts";
import { StreamDecoder } from "../../src/text/stream-decoder.ts";
import { readTokenizer } from "../../src/text/tokenizer-file.ts";
import { hashTokenizer } from "../../src/text/tokenizer-hash.ts";
import { anyText } from "../support/any-text.ts";
import { markSpaces } from "../support/sentence-piece.ts";

/** The first id after those of the model: 256 bytes and 13 merges. */
const END = 269;

/** A byte-pair encoding of a few words, with the parts that a tokenizer like GPT-NeoX's has besides. */
function neoxLike(): Record<string, unknown> {
  const json = trainBytePairEncoding("hello hello wörld wörld  wide\n\nhello wide", { vocabularySize: 300 });
  const added = [
    { id: END, content: "<|endoftext|>", special: true },
    { id: END + 1, content: "  ", special: false, normalized: true },
    { id: END + 2, content: "    ", special: false, normalized: true },
  ];
  return { ...Object(json), normalizer: { type: "NFC" }, added_tokens: added };
}

/** A tokenizer like Llama's: words marked by "▁", and bytes as tokens of their own. */
const llamaLike = {
  added_tokens: [],
  normalizer: markSpaces,
  pre_tokenizer: null,
  post_processor: null,
  decoder: {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: "▁" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  },
  model: {
    type: "BPE",
    unk_token: "<unk>",
    byte_fallback: true,
    vocab: { "<unk>": 0, "<0xE2>": 1, "<0x82>": 2, "<0xAC>": 3, "▁": 4, a: 5, b: 6, "▁a": 7 },
    merges: ["▁ a"],
  },
};

describe("JsonTokenizer", () => {
  it("takes ids beyond those of the model from the added tokens", () => {
    const tokenizer = new JsonTokenizer(neoxLike(), "test");
    expect(tokenizer.kind).toBe("json");
    expect(tokenizer.vocabularySize).toBe(END + 3);
    expect([...tokenizer.encode("<|endoftext|>      ")]).toEqual([END, END + 2, END + 1]);
    expect(tokenizer.decode([END, 399, END + 2])).toBe("<|endoftext|>    "); // 399 has no token
  });

  it("handles no text and no tokens", () => {
    const tokenizer = new JsonTokenizer(neoxLike(), "test");
    expect(tokenizer.encode("")).toEqual(new Uint32Array(0));
    expect(tokenizer.decode([])).toBe("");
    expect(tokenizer.decode(new Uint32Array([399]))).toBe("");
  });

  it("adds no special tokens and keeps spaces before punctuation", () => {
    const template = {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<|endoftext|>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [],
    };
    const tokenizer = new JsonTokenizer({ ...neoxLike(), post_processor: template }, "test");
    expect(tokenizer.decode(tokenizer.encode("hello , 's ."))).toBe("hello , 's .");
    expect(tokenizer.encode("hello").includes(END)).toBe(false);
  });

  it("encodes a text in pieces as it does whole", () => {
    const tokenizer = new JsonTokenizer(neoxLike(), "test");
    const parts = [
      "\n",
      "\r\n",
      " ",
      "  ",
      "\n\n",
      "\r\n",
      "\t",
      "hello",
      "wide",
      "'s",
      "7",
      "!",
      "é",
      "e",
      "\u0301",
      "\u00a0",
      "<|endoftext|>",
      "😀",
    ];
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...parts), maxLength: 100 }), fc.nat(9), (text, least) => {
        const pieces = [...piecesOf(text, tokenizer.boundary as RegExp, least)];
        expect(pieces.join("")).toBe(text);
        expect(pieces.flatMap((piece) => [...tokenizer.encode(piece)])).toEqual([...tokenizer.encode(text)]);
      }),
      { numRuns: 1000 },
    );
  });

  it("encodes a text longer than one piece", () => {
    const tokenizer = new JsonTokenizer(neoxLike(), "test");
    const text = "hello wide\n".repeat(100_000);
    const line = [...tokenizer.encode("hello wide\n")];
    expect(tokenizer.encode(text)).toEqual(Uint32Array.from(Array.from({ length: 100_000 }, () => line).flat()));
  });

  it("refuses text that the vocabulary lacks where there is no unknown token", () => {
    const json = {
      ...llamaLike,
      normalizer: null,
      pre_tokenizer: { type: "WhitespaceSplit" },
      model: { type: "WordPiece", continuing_subword_prefix: "##", unk_token: "[UNK]", vocab: { a: 0, b: 1 } },
    };
    expect([...new JsonTokenizer(json, "test").encode("a b")]).toEqual([0, 1]);
    expect(() => new JsonTokenizer(json, "test").encode("a c")).toThrow(
      new UserError(
        'The word "c" is not in the tokenizer\'s vocabulary, and the unknown token "[UNK]" neither, ' +
          "expected only text that it covers; remove that text or take a byte-level tokenizer",
      ),
    );
  });

  it("names the place of contents that are no tokenizer", () => {
    const remedy =
      "expected the contents of a Hugging Face tokenizer.json; take the file from a published model or train one";
    const cases: [unknown, string][] = [
      [null, "it holds no object"],
      ["text", "it holds no object"],
      [[], "it holds no object"],
      [{}, "it has no model"],
      [{ ...llamaLike, version: "2.0" }, 'version: is "2.0", expected "1.0"'],
      [{ ...llamaLike, decoder: { type: "Odd" } }, 'decoder: the type "Odd" is not supported'],
      [
        { ...llamaLike, pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "UnicodeScripts" }] } },
        'pre_tokenizer.pretokenizers.0: the type "UnicodeScripts" is not supported',
      ],
      [
        { ...llamaLike, model: { ...llamaLike.model, dropout: 0.1 } },
        "model.dropout: leaving out merges at random is not supported",
      ],
      [
        { ...llamaLike, normalizer: { type: "Replace", pattern: { Regex: "\\bx" }, content: "" } },
        'normalizer.pattern: "\\\\b" in a regular expression is not supported',
      ],
      [
        { ...llamaLike, model: { ...llamaLike.model, vocab: { a: 0, b: 1_000_000_000 } } },
        'model.vocab: "b" has the id 1000000000, not a whole number below 16777216',
      ],
      [
        { ...llamaLike, added_tokens: [{ id: 9, content: "<s>" }] },
        'added_tokens: "<s>" has the id 9, but in the order of the tokens it gets 8, also in Python',
      ],
      [{ ...llamaLike, added_tokens: [{ id: 9, content: 0.5 }] }, "added_tokens.0.content: is 0.5, expected a text"],
      [{ ...llamaLike, model: { type: "BPE", vocab: {}, merges: [] } }, "its vocabulary is empty"],
    ];
    for (const [json, reason] of cases) {
      expect(() => loadTokenizer(json, "here.json")).toThrow(
        new UserError(`here.json: is no usable tokenizer (${reason}), ${remedy}`),
      );
    }
  });
});

/** The ids of a text that a pattern cuts into words of a vocabulary, as Python's `tokenizers` gives them. */
function idsOfWords(pattern: string, words: string[], text: string): number[] {
  const vocab = Object.fromEntries(["<unk>", ...words].map((word, id) => [word, id]));
  const pre_tokenizer = { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false };
  const model = { type: "WordLevel", vocab, unk_token: "<unk>" };
  return [...new JsonTokenizer({ ...llamaLike, normalizer: null, pre_tokenizer, model }, "test").encode(text)];
}

describe("a pattern of a tokenizer.json", () => {
  it("ignores case only where it says so, and not in properties", () => {
    const pattern = "(?i:'s|'t|'re)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
    expect(idsOfWords(pattern, ["Σ", "\u0345文", "Σ\u0345文"], "Σ\u0345文")).toEqual([1, 2]);
    expect(idsOfWords("(?i)\\p{L}+", ["Σ", "\u0345", "文"], "Σ\u0345文")).toEqual([1, 2, 3]);
  });

  it("ignores case to the end of a group, over its alternatives", () => {
    expect(idsOfWords("a(?i)b|c", ["aB", "aC", "C"], "aBCaC")).toEqual([1, 3, 2]);
  });

  it("takes numbers like ½ for word characters outside of classes only", () => {
    const words = ["½", "<", "mask", ">½", "\t", "to"];
    expect(idsOfWords("\\w+|[^\\w\\s]+", words, "½<mask>½\tto")).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("is refused where cases are folded in a way that JavaScript lacks", () => {
    const of = (pattern: string) => () => idsOfWords(pattern, [], "");
    const several = "ignoring the case of several characters that can be one";
    const inClass = "ignoring case in a class of more than single characters";
    const cases: [string, string][] = [
      ["(?i)s(?:s)", several],
      ["(?i)[s]s", several],
      ["(?ix)s t", several],
      ["(?i:é)", "ignoring the case of characters beyond ASCII"],
      ["(?i)[\\p{L}]", inClass],
      ["(?i)[a[^A]]", inClass],
      ["(?i)[a&&A]", "ignoring case in an intersection of classes"],
    ];
    for (const [pattern, feature] of cases) {
      expect(of(pattern)).toThrow(`${feature} in the regular expression ${JSON.stringify(pattern)} is not supported`);
    }
  });
});

describe("StreamDecoder", () => {
  function stream(decoder: StreamDecoder, ids: Iterable<number>): string[] {
    return [...Array.from(ids, (id) => decoder.push(id)), decoder.end()];
  }

  it("holds an unfinished character back", () => {
    const tokenizer = new JsonTokenizer(trainBytePairEncoding("", { vocabularySize: 256 }), "test");
    expect(stream(new StreamDecoder(tokenizer), tokenizer.encode("a€😀b"))).toEqual([
      "a",
      "",
      "",
      "€",
      "",
      "",
      "",
      "😀",
      "b",
      "",
    ]);
    const cut = tokenizer.encode("a€").subarray(0, 3);
    expect(stream(new StreamDecoder(tokenizer), cut)).toEqual(["a", "", "", "�"]);
  });

  it("starts anew after its end", () => {
    const decoder = new StreamDecoder(CharacterTokenizer.fromText("ab"));
    expect(decoder.end()).toBe("");
    expect(stream(decoder, [0, 1])).toEqual(["a", "b", ""]);
    expect(stream(decoder, [1])).toEqual(["b", ""]);
  });

  it("drops the space that begins a text, but not those within", () => {
    const tokenizer = new JsonTokenizer(llamaLike, "test");
    expect([...tokenizer.encode("a a€b")]).toEqual([7, 7, 1, 2, 3, 6]);
    expect(stream(new StreamDecoder(tokenizer), [7, 7, 7, 7, 7, 7, 1, 2, 3, 6])).toEqual([
      "a",
      " a",
      " a",
      " a",
      " a",
      " a",
      "",
      "",
      "€",
      "b",
      "",
    ]);
  });

  it("keeps the space of the first token after a context", () => {
    const tokenizer = new JsonTokenizer(llamaLike, "test");
    for (const context of [[7], [6, 4], [7, 6, 7, 6, 7, 6, 7, 6, 7, 6, 7, 6], Array.from({ length: 20 }, () => 4)]) {
      const decoder = new StreamDecoder(tokenizer, context);
      expect([decoder.peek(7), decoder.push(7), decoder.peek(1)]).toEqual([" a", " a", "�"]);
    }
    const decoder = new StreamDecoder(tokenizer);
    expect([decoder.peek(7), decoder.push(7), decoder.push(7)]).toEqual(["a", "a", " a"]);
  });

  it("completes a character within which its context ends", () => {
    const tokenizer = new JsonTokenizer(llamaLike, "test");
    const context = [7, 6, 7, 6, 7, 6, 1, 2, 3, 1];
    expect(stream(new StreamDecoder(tokenizer, context), [2, 3, 6])).toEqual(["", "€€", "b", ""]);
  });

  it("writes what decoding all at once writes", () => {
    const tokenizer = new JsonTokenizer(neoxLike(), "test");
    const ids = fc.array(fc.integer({ min: 0, max: END + 4 }), { maxLength: 40 });
    fc.assert(
      fc.property(ids, (tokens) => {
        expect(stream(new StreamDecoder(tokenizer), tokens).join("")).toBe(tokenizer.decode(tokens));
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(anyText, (text) => {
        const written = stream(new StreamDecoder(tokenizer), tokenizer.encode(text));
        expect(written.join("")).toBe(text.normalize("NFC"));
      }),
    );
  });
});

describe("readTokenizer", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tokenizer-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("reads both kinds", async () => {
    const file = join(folder, "tokenizer.json");
    for (const tokenizer of [CharacterTokenizer.fromText("añ😀"), new JsonTokenizer(neoxLike(), "test")]) {
      await writeFile(file, JSON.stringify(tokenizer));
      const read = await readTokenizer(file);
      expect([read.kind, read.vocabularySize]).toEqual([tokenizer.kind, tokenizer.vocabularySize]);
      expect(await hashTokenizer(read)).toBe(await hashTokenizer(tokenizer));
    }
  });

  it("tells tokenizers apart by their hash", async () => {
    const tokenizers = ["ab", "abc"].map((text) => CharacterTokenizer.fromText(text));
    const hashes = await Promise.all(tokenizers.map(hashTokenizer));
    expect(hashes[0]).not.toBe(hashes[1]);
    expect(hashes[0]).toMatch(/^[0-9a-f]{64}$/);
  });

  it("leaves encodings with merges, or with gaps in their ids, to the library", () => {
    const model = { type: "BPE", unk_token: null, vocab: { a: 0, b: 2 }, merges: [] };
    const json = { ...llamaLike, normalizer: null, decoder: { type: "Fuse" }, model };
    expect([loadTokenizer(json, "test").kind, loadTokenizer(json, "test").vocabularySize]).toEqual(["json", 3]);
  });

  it("names a file that is missing, or no JSON", async () => {
    const missing = join(folder, "missing.json");
    await expect(readTokenizer(missing)).rejects.toThrow(
      new UserError(`cannot read ${missing}: there is no such file; check the path`),
    );
    const broken = join(folder, "broken.json");
    await writeFile(broken, "{");
    await expect(readTokenizer(broken)).rejects.toThrow(UserError);
    await expect(readTokenizer(broken)).rejects.toThrow(
      /broken\.json:1:2: this is not JSON; correct the file or write it again$/,
    );
  });
});
