import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { embeddedBook } from "../../src/text/book.ts";
import { byteCharacters } from "../../src/text/byte-alphabet.ts";
import { countWords, trainBytePairEncoding, type WordCounts } from "../../src/text/byte-pair-encoding.ts";
import { JsonTokenizer } from "../../src/text/json-tokenizer.ts";
import { anyText } from "../support/any-text.ts";

interface Trained {
  readonly added_tokens: readonly { readonly id: number; readonly content: string }[];
  readonly model: { readonly vocab: Readonly<Record<string, number>>; readonly merges: readonly string[] };
}

function train(text: string, vocabularySize: number, specialTokens: readonly string[] = []): Trained {
  return trainBytePairEncoding(text, { vocabularySize, specialTokens }) as Trained;
}

/** Words of GPT-2's pattern, as strings of the byte alphabet. */
function wordsOf(text: string): string[][] {
  const words = text.match(/'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu) ?? [];
  return words.map((word) => Array.from(new TextEncoder().encode(word), (byte) => byteCharacters[byte] ?? ""));
}

/** Applies one merge to a word, from left to right. */
function mergeWord(word: readonly string[], left: string, right: string): string[] {
  const merged: string[] = [];
  for (let index = 0; index < word.length; index++) {
    if (word[index] === left && word[index + 1] === right) {
      merged.push(left + right);
      index++;
    } else {
      merged.push(word[index] ?? "");
    }
  }
  return merged;
}

/** Training in the plainest way: counts all pairs anew for each merge. Returns the merges and the words as divided. */
function trainPlainly(text: string, wanted: number): { merges: string[]; words: string[][] } {
  let words = wordsOf(text);
  const ids = new Map(byteCharacters.toSorted((one, other) => (one < other ? -1 : 1)).map((token, id) => [token, id]));
  const merges: string[] = [];
  while (merges.length < wanted) {
    const counts = new Map<string, number>();
    for (const word of words) {
      for (let index = 1; index < word.length; index++) {
        const pair = `${word[index - 1]} ${word[index]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    const candidates = [...counts].filter(([pair, count]) => count > 1 && !ids.has(pair.replace(" ", "")));
    const idsOf = (pair: string) => pair.split(" ").map((token) => ids.get(token) ?? 0);
    const [best] = candidates.sort(([one, oneCount], [other, otherCount]) => {
      const [[a = 0, b = 0], [c = 0, d = 0]] = [idsOf(one), idsOf(other)];
      return otherCount - oneCount || a - c || b - d;
    });
    if (best === undefined) {
      break;
    }
    const [left = "", right = ""] = best[0].split(" ");
    ids.set(left + right, ids.size);
    merges.push(best[0]);
    words = words.map((word) => mergeWord(word, left, right));
  }
  return { merges, words };
}

describe("trainBytePairEncoding", () => {
  it("gives no merge the text of a special token, and refuses special tokens of its alphabet", () => {
    const text = "the theme, the then\n".repeat(3);
    expect(Object.keys(train(text, 264).model.vocab)).toContain("Ġthe");
    // What the alphabet has for a space, and then "the", as a text of its own.
    const { model, added_tokens } = train(text, 264, ["Ġthe"]);
    expect(added_tokens).toMatchObject([{ content: "Ġthe", id: 263 }]);
    expect(Object.keys(model.vocab)).not.toContain("Ġthe");
    const tokenizer = new JsonTokenizer(
      { ...(trainBytePairEncoding(text, { vocabularySize: 264, specialTokens: ["Ġthe"] }) as object) },
      "test",
    );
    expect([...tokenizer.encode(" theĠthe")]).toEqual([...tokenizer.encode(" the"), 263]);
    for (const taken of ["|", "Ġ"])
      expect(() => train(text, 264, ["<x>", taken])).toThrow(
        `special tokens: "${taken}" is in the vocabulary already, expected a text that is not`,
      );
  });

  it("numbers the bytes as GPT-2 does", () => {
    const { vocab } = train("", 256).model;
    expect(Object.keys(vocab)).toHaveLength(256);
    expect([vocab["!"], vocab["~"], vocab["¡"], vocab["ÿ"], vocab["Ā"], vocab["Ġ"], vocab["Ń"]]).toEqual([
      0, 93, 94, 187, 188, 220, 255,
    ]);
  });

  it("is trained on the words of texts that are read one by one as on the whole", () => {
    const texts = [
      "the whale and the sea, incomprehensibilities",
      "\nand incomprehensibilities; the\nsea",
      "\n the end",
    ];
    const words: WordCounts = new Map();
    for (const text of texts) countWords(text, words);
    const whole = texts.join("");
    expect(words.get(" incomprehensibilities")).toBe(2);
    expect(trainBytePairEncoding(words, { vocabularySize: 290 })).toEqual(train(whole, 290));
  });

  it("merges the most frequent pair first", () => {
    // "ab" 3 times, then "abc" twice; "xy" once, which is not worth a token.
    const { vocab, merges } = train("abc\nabc\nab\nxy", 300).model;
    expect(merges).toEqual(["a b", "ab c"]);
    expect([vocab["ab"], vocab["abc"]]).toEqual([256, 257]);
  });

  it("merges the pair of lower ids among equally frequent ones", () => {
    expect(train("cd\nab\ncd\nab\nad\nad", 260).model.merges).toEqual(["a b", "a d", "c d"]);
  });

  it("merges repeated letters from left to right", () => {
    const json = train("aaaaa aaaaa", 258);
    expect(json.model.merges).toEqual(["a a", "aa a"]); // a tie with "aa aa", whose right id is higher
    expect(new JsonTokenizer(json, "test").encode("aaaaaaa")).toEqual(Uint32Array.of(256, 256, 257));
  });

  it("is what plain training finds, and encodes the text as training divided it", () => {
    const letters = fc.string({
      unit: fc.constantFrom("a", "b", "c", " ", "\n", "'s", "é", "😀", "7"),
      maxLength: 200,
    });
    fc.assert(
      fc.property(letters, (text) => {
        const json = train(text, 256 + 40);
        const { merges, words } = trainPlainly(text, 40);
        expect(json.model.merges).toEqual(merges);
        const ids = words.flat().map((token) => json.model.vocab[token]);
        expect([...new JsonTokenizer(json, "test").encode(text)]).toEqual(ids);
      }),
      { numRuns: 300 },
    );
  });

  it("gives special tokens the last ids and merges nothing across them", () => {
    const json = train("ab<|end|>ab<|end|>", 400, ["<|end|>", "<|end|>+"]);
    expect(json.model.merges).toEqual(["a b"]);
    expect(json.added_tokens.map(({ id, content }) => [id, content])).toEqual([
      [257, "<|end|>"],
      [258, "<|end|>+"],
    ]);
    const tokenizer = new JsonTokenizer(json, "test");
    expect(tokenizer.vocabularySize).toBe(259);
    expect(tokenizer.encode("ab<|end|>ab<|end|>+")).toEqual(Uint32Array.of(256, 257, 256, 258));
    expect(tokenizer.decode([256, 257])).toBe("ab<|end|>");
  });

  it("keeps a text whose words name properties of objects", () => {
    const text = "__proto__ constructor __proto__ constructor toString toString";
    const tokenizer = new JsonTokenizer(JSON.parse(JSON.stringify(train(text, 400))), "test");
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  it("reports progress and may run out of pairs", () => {
    const progress: [number, number][] = [];
    const onProgress = (merges: number, wanted: number) => progress.push([merges, wanted]);
    trainBytePairEncoding("abcabc", { vocabularySize: 1000, onProgress });
    expect(progress).toEqual([
      [1, 744],
      [2, 744],
    ]);
  });

  it("refuses a vocabulary that cannot hold the bytes", () => {
    expect(() => trainBytePairEncoding("text", { vocabularySize: 256, specialTokens: ["<|end|>"] })).toThrow(
      new UserError(
        "The vocabulary size of a byte-pair encoding is 256, expected a whole number of at least 257: " +
          "256 bytes and 1 special tokens; ask for more tokens, or for a character tokenizer",
      ),
    );
    expect(() => trainBytePairEncoding("text", { vocabularySize: 300.5 })).toThrow("is 300.5, expected");
  });
});

describe("a byte-pair encoding of a book", () => {
  let book = "";
  let tokenizer: JsonTokenizer;
  beforeAll(async () => {
    book = (await embeddedBook()).text;
    tokenizer = new JsonTokenizer(trainBytePairEncoding(book, { vocabularySize: 1024 }), "test");
  });

  it("has the size asked for and shortens the text", () => {
    expect(tokenizer.vocabularySize).toBe(1024);
    const ids = tokenizer.encode(book);
    expect(Buffer.byteLength(book) / ids.length).toBeGreaterThan(2.5);
    expect(tokenizer.decode(ids)).toBe(book);
  });

  it("decodes whatever it encoded", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });
});
