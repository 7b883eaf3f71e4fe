import { describe, expect, it } from "vitest";
import { Random } from "../../src/random.ts";
import { Choice, type ChoiceOptions, type Piece } from "../../src/server/choice.ts";
import { logProbabilities } from "../../src/server/log-probabilities.ts";
import { loadTokenizer, type Tokenizer, trainBytePairEncoding } from "../../src/text/index.ts";

const bytes = loadTokenizer(
  trainBytePairEncoding("größer, größer", { vocabularySize: 262, specialTokens: ["<|endoftext|>"] }),
  "test",
);
const END = bytes.vocabularySize - 1;

/** Words with their spaces, as SentencePiece's: the first of a text has none. */
const words = loadTokenizer(
  {
    normalizer: null,
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always" },
    decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always" },
    model: { type: "WordLevel", unk_token: "▁?", vocab: { "▁?": 0, "▁a": 1, "▁b": 2 } },
  },
  "test",
);

/** What a choice gives if the model is sure of some tokens, one after the other. */
function written(ids: Iterable<number>, options: Partial<ChoiceOptions> = {}, tokenizer: Tokenizer = bytes) {
  const pieces: Piece[] = [];
  const sampling = { temperature: 0 };
  const random = Random.from("choice");
  const choice = new Choice(
    tokenizer,
    {
      sampling,
      prompt: new Int32Array(),
      context: new Int32Array(),
      random,
      maxTokens: 99,
      stop: [],
      ends: new Set([END]),
      alternatives: undefined,
      offset: 0,
      ...options,
    },
    (piece) => pieces.push(piece),
  );
  const taken: number[] = [];
  for (const id of ids) {
    const next = choice.next(new Float32Array(tokenizer.vocabularySize + 3).fill(9, id, id + 1));
    if (next === undefined) break;
    taken.push(next);
  }
  return { pieces, taken, tokens: choice.tokens, text: pieces.map(({ text }) => text).join("") };
}

const labels = ({ entries }: Piece) => entries?.map(({ label }) => label);
const likeliest = ({ entries }: Piece) => entries?.[0]?.score?.top.map(({ label }) => label);

const reason = ({ pieces }: { readonly pieces: readonly Piece[] }) => pieces.at(-1)?.finishReason;

describe("a text", () => {
  it("comes in whole characters, and ends with the token that ends a text, which is counted but not shown", () => {
    const ids = [...bytes.encode("groß 🙂"), END];
    const result = written([...ids, 5]);
    expect(result).toMatchObject({ text: "groß 🙂", taken: ids.slice(0, -1), tokens: ids.length });
    expect(reason(result)).toBe("stop");
    expect(result.pieces.every(({ text }) => !text.includes("\uFFFD"))).toBe(true);
    expect(result.pieces.length).toBeLessThan(ids.length); // "🙂" takes several tokens
  });

  it("goes on after its prompt with the space of its first token, in its text and in its log-probabilities", () => {
    const after = written(
      [1, 2],
      { context: Int32Array.from(words.encode("b a")), maxTokens: 2, alternatives: 1 },
      words,
    );
    expect(after.text).toBe(" a b");
    expect(after.pieces.map(labels)).toEqual([[" a"], [" b"]]);
    expect(after.pieces.map(likeliest)).toEqual([[" a"], [" b"]]);
    const alone = written([1, 2], { maxTokens: 2, alternatives: 1 }, words);
    expect(alone.text).toBe("a b");
    expect(alone.pieces.map(labels)).toEqual([["a"], [" b"]]);
  });

  it("ends at its longest, with what was held back of a character and of a stop string", () => {
    const ids = [...bytes.encode("größ🙂")].slice(0, -1);
    const result = written(ids, { maxTokens: ids.length, stop: ["ß\uFFFD\uFFFD"] });
    expect(result.text).toBe("größ\uFFFD");
    expect(reason(result)).toBe("length");
  });

  it("ends before a stop string that reaches over tokens", () => {
    const result = written(bytes.encode("größer, größer"), { stop: ["r, g"] });
    expect(result.text).toBe("größe");
    expect(reason(result)).toBe("stop");
  });
});

describe("log-probabilities", () => {
  it("are given for every token, where it begins, the one that ends a text included", () => {
    const ids = [...bytes.encode("ö🙂a"), END];
    const { pieces, tokens } = written(ids, { alternatives: 1, offset: 7 });
    const entries = pieces.flatMap((piece) => piece.entries ?? []);
    expect(entries).toHaveLength(tokens);
    expect(entries.at(-1)?.label).toBe("<|endoftext|>");
    const parts = entries.filter(({ label }) => label.startsWith("token_id:"));
    expect(parts).toHaveLength(bytes.encode("ö🙂").length);
    const offsets = entries.map(({ offset }) => offset);
    expect(offsets[0]).toBe(7);
    expect(offsets.slice(-2)).toEqual([9, 10]);
    for (const { label, score } of entries) {
      expect(score?.top).toEqual([{ label, logProbability: score?.logProbability }]);
    }
  });
});

it("alternatives may be any texts, those of an object's own parts too", () => {
  const top = ["constructor", "__proto__", "class"].map((label, index) => ({ label, logProbability: -1 - index }));
  const score = { logProbability: -5, top };
  const { top_logprobs } = logProbabilities([{ label: "toString", offset: 0, score }]);
  expect(Object.entries(top_logprobs[0] ?? {})).toEqual([
    ["constructor", -1],
    ["__proto__", -2],
    ["class", -3],
    ["toString", -5],
  ]);
});
