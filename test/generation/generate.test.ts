import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import {
  type GenerateOptions,
  generate,
  type NextLogits,
  type Written,
  windowed,
  write,
} from "../../src/generation/index.ts";
import { CharacterTokenizer, loadTokenizer, type Tokenizer, trainBytePairEncoding } from "../../src/text/index.ts";

const letters = CharacterTokenizer.fromText("\nabcdefgh");
const bytes = loadTokenizer(trainBytePairEncoding("größer, größer: 🙂🙂 日本語", { vocabularySize: 265 }), "test");

/** A model that is sure of one token, and remembers the windows that it saw. */
function sure(pick: (window: Int32Array) => number, vocabulary: number) {
  const windows: number[][] = [];
  const next: NextLogits = async (window) => {
    windows.push([...window]);
    return new Float32Array(vocabulary).fill(-100).fill(100, pick(window), pick(window) + 1);
  };
  return { windows, next };
}

/** A model for which all tokens are equally likely. */
const indifferent =
  (vocabulary: number): NextLogits =>
  async () =>
    new Float32Array(vocabulary);

/** A model that is sure of some tokens, one after the other. */
function scripted(ids: Uint32Array): NextLogits {
  const left = [...ids];
  return async () => {
    const id = left.shift() ?? 0;
    return new Float32Array(bytes.vocabularySize).fill(100, id, id + 1);
  };
}

async function piecesOf(
  next: NextLogits,
  tokenizer: Tokenizer,
  options: Partial<GenerateOptions>,
  context = 5,
): Promise<string[]> {
  const pieces: string[] = [];
  for await (const piece of generate(windowed(next, context), tokenizer, { prompt: "a", tokens: 20, ...options })) {
    pieces.push(piece);
  }
  return pieces;
}

/** Each token is followed by the next of the vocabulary. */
const following = (window: Int32Array) => ((window.at(-1) ?? 0) + 1) % 9;

describe("generate", () => {
  it("follows the prompt, token by token, and gives what is new only", async () => {
    const pieces = await piecesOf(sure(following, 9).next, letters, { prompt: "cab", tokens: 4 });
    expect(pieces).toEqual(["c", "d", "e", "f"]);
  });

  it("slides the window of the model over the text", async () => {
    const { windows, next } = sure(following, 9);
    await piecesOf(next, letters, { prompt: "ab", tokens: 5 }, 3);
    expect(windows).toEqual([
      [1, 2],
      [1, 2, 3],
      [2, 3, 4],
      [3, 4, 5],
      [4, 5, 6],
    ]);
  });

  it("shows the end of a prompt that is longer than the window", async () => {
    const { windows, next } = sure(following, 9);
    await piecesOf(next, letters, { prompt: "abcdef", tokens: 1 }, 3);
    expect(windows).toEqual([[4, 5, 6]]);
  });

  it("begins with a line break where there is no prompt", async () => {
    const { windows, next } = sure(following, 9);
    expect((await piecesOf(next, letters, { prompt: "", tokens: 3 })).join("")).toBe("abc");
    expect(windows[0]).toEqual([0]);
    const unbroken = sure(() => 2, 8);
    await piecesOf(unbroken.next, CharacterTokenizer.fromText("abcdefgh"), { prompt: "", tokens: 1 });
    expect(unbroken.windows).toEqual([[0]]); // the first token: "a"
  });

  it("gives the model a token even if the tokenizer makes none of the prompt or a line break", async () => {
    const blank: Tokenizer = { ...stub(letters), encode: () => new Uint32Array() };
    for (const prompt of ["", " "]) {
      const { windows, next } = sure(() => 2, 9);
      await piecesOf(next, blank, { prompt, tokens: 2 });
      expect(windows).toEqual([[0], [0, 2]]);
    }
  });

  it("writes no tokens if none are asked for", async () => {
    const { windows, next } = sure(following, 9);
    expect(await piecesOf(next, letters, { tokens: 0 })).toEqual([]);
    expect(windows).toEqual([]);
  });

  it("is determined by the seed, which is 1 by default", async () => {
    const written = async (seed?: number) =>
      (await piecesOf(indifferent(9), letters, { tokens: 40, ...(seed !== undefined && { seed }) })).join("");
    expect(await written(1)).toBe(await written());
    expect(await written(2)).toBe(await written(2));
    expect(await written(2)).not.toBe(await written(1));
  });

  it("passes the sampling options on", async () => {
    const rising: NextLogits = async () => Float32Array.from({ length: 9 }, (_, id) => id / 10);
    const written = async (options: Partial<GenerateOptions>) =>
      new Set((await piecesOf(rising, letters, { tokens: 200, ...options })).join(""));
    expect((await written({})).size).toBe(9);
    expect(await written({ topK: 2 })).toEqual(new Set(["g", "h"]));
    expect(await written({ topP: 0.01 })).toEqual(new Set(["h"]));
    expect(await written({ temperature: 0 })).toEqual(new Set(["h"]));
    expect(await written({ temperature: 0.001 })).toEqual(new Set(["h"]));
  });

  it("gives pieces of whole characters, which together are the decoded text", async () => {
    const text = "größer 🙂 日本語!";
    const ids = bytes.encode(text);
    const pieces = await piecesOf(scripted(ids), bytes, { tokens: ids.length, temperature: 0 });
    expect(ids.length).toBeGreaterThan(pieces.length); // some tokens are parts of a character
    expect(pieces.join("")).toBe(text);
    expect(pieces.every((piece) => piece !== "" && !piece.includes("\uFFFD"))).toBe(true);
  });

  it("ends with “�” if the last character is unfinished", async () => {
    const ids = bytes.encode("a∞").slice(0, -1); // "∞" is no token, but three bytes
    expect((await piecesOf(scripted(ids), bytes, { tokens: ids.length, temperature: 0 })).join("")).toBe("a\uFFFD");
  });

  it("gives the decoded text for any text", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }), async (text) => {
        const ids = bytes.encode(text);
        const pieces = await piecesOf(scripted(ids), bytes, { tokens: ids.length, temperature: 0 });
        expect(pieces.join("")).toBe(bytes.decode(ids));
      }),
    );
  });

  it("never draws ids beyond the tokenizer's vocabulary, even if they are the most likely", async () => {
    const padded: NextLogits = async () => new Float32Array(16).fill(50, 9);
    const text = (await piecesOf(padded, letters, { tokens: 200 })).join("");
    expect(text).toHaveLength(200);
    expect((await piecesOf(padded, letters, { tokens: 3, temperature: 0 })).join("")).toBe("\n\n\n");
  });

  it.each<Partial<GenerateOptions>>([
    { temperature: -0.5 },
    { temperature: Number.NaN },
    { temperature: Number.POSITIVE_INFINITY },
    { topK: 0 },
    { topK: 2.5 },
    { topP: 0 },
    { topP: 1.5 },
    { topP: Number.NaN },
    { minP: -0.1 },
    { minP: 1.5 },
    { repetitionPenalty: 0 },
    { repetitionPenalty: Number.NaN },
    { scores: 0.5 },
    { stop: ["a", ""] },
    { tokens: -1 },
    { tokens: 0.5 },
  ])("refuses %o", async (options) => {
    const { windows, next } = sure(following, 9);
    const attempt = piecesOf(next, letters, options);
    await expect(attempt).rejects.toBeInstanceOf(UserError);
    await expect(attempt).rejects.toThrowErrorMatchingSnapshot();
    expect(windows).toEqual([]);
  });

  it("refuses a stop string that is in no list", async () => {
    const stop: readonly string[] = JSON.parse('"abc"'); // what JavaScript lets pass
    await expect(piecesOf(indifferent(9), letters, { stop })).rejects.toThrow(
      'stop is "abc", expected a list of strings, such as ["abc"]',
    );
  });

  it("refuses a prompt that the tokenizer cannot encode", async () => {
    await expect(piecesOf(indifferent(9), letters, { prompt: "az" })).rejects.toThrow(UserError);
  });
});

async function written(next: NextLogits, options: Partial<GenerateOptions>, context = 5): Promise<Written[]> {
  const steps: Written[] = [];
  for await (const step of write(windowed(next, context), letters, { prompt: "a", tokens: 20, ...options })) {
    steps.push(step);
  }
  return steps;
}

const textOf = (steps: readonly Written[]) => steps.map(({ text }) => text).join("");

describe("write", () => {
  it("gives the tokens, and says that all were written", async () => {
    const steps = await written(sure(following, 9).next, { prompt: "cab", tokens: 2 });
    expect(steps).toEqual([
      { text: "c", token: 3 },
      { text: "d", token: 4 },
      { text: "", finish: "length" },
    ]);
  });

  it("stops before a stop string, and never shows a part of it", async () => {
    const steps = await written(sure(following, 9).next, { stop: ["zz", "fg"], tokens: 20 });
    expect(textOf(steps)).toBe("bcde");
    expect(steps.map(({ text }) => text)).toEqual(["b", "c", "d", "e", "", "", ""]);
    expect(steps.at(-1)).toEqual({ text: "", finish: "stop" });
  });

  it("shows what looked like a stop string once it is none", async () => {
    const steps = await written(sure(following, 9).next, { stop: ["fx", "cdx"], tokens: 6 });
    expect(steps.map(({ text }) => text)).toEqual(["b", "", "", "cde", "", "fg", ""]);
    expect(textOf(await written(sure(following, 9).next, { stop: ["gh"], tokens: 6 }))).toBe("bcdefg");
  });

  it("ends at the context where that is asked for, and refuses a longer prompt", async () => {
    const steps = await written(sure(following, 9).next, { atContext: "stop", prompt: "ab" });
    // The last token follows a full context and is not read again.
    expect(textOf(steps)).toBe("cdef");
    expect(steps.at(-1)).toEqual({ text: "", finish: "context" });
  });

  it("scores tokens by the model's probabilities, whatever is drawn", async () => {
    const flat: NextLogits = async () => Float32Array.from({ length: 9 }, (_, id) => (id === 3 ? Math.log(4) : 0));
    const steps = await written(flat, { scores: 2, tokens: 30, temperature: 2 });
    for (const { token, score } of steps.slice(0, -1)) {
      expect(score?.token).toBe(token);
      expect(score?.logProbability).toBeCloseTo(Math.log((token === 3 ? 4 : 1) / 12), 6);
      expect(score?.top.map((other) => other.token)).toEqual([3, 0]);
      if (token === 3) expect(score?.logProbability).toBe(score?.top[0]?.logProbability);
    }
  });

  it("scores by all logits of a padded model, and draws those that the tokenizer knows", async () => {
    const padded: NextLogits = async () => Float32Array.from({ length: 12 }, (_, id) => (id === 11 ? Math.log(8) : 0));
    for (const { token, score } of (await written(padded, { scores: 1, tokens: 30 })).slice(0, -1)) {
      expect(token).toBeLessThan(9);
      expect(score?.logProbability).toBeCloseTo(Math.log(1 / 19), 6);
      expect(score?.top).toEqual([{ token: 11, logProbability: expect.closeTo(Math.log(8 / 19), 6) }]);
    }
  });

  it("makes tokens that occurred less likely", async () => {
    const steady: NextLogits = async () => Float32Array.of(-1, 2, 1.5, -9, -9, -9, -9, -9, -9);
    const first = async (repetitionPenalty: number) =>
      textOf(await written(steady, { temperature: 0, tokens: 3, repetitionPenalty }));
    expect(await first(1)).toBe("aaa");
    expect(await first(1.2)).toBe("aaa"); // 2 / 1.2 > 1.5
    expect(await first(2)).toBe("baa"); // 2 / 2 < 1.5, then 1.5 / 2 < 1
    expect(await first(5)).toBe("baa");
  });

  it("ends with the signal's reason", async () => {
    const abort = new AbortController();
    abort.abort(new Error("enough"));
    await expect(written(sure(following, 9).next, { signal: abort.signal })).rejects.toThrow("enough");
  });
});

/** A tokenizer as a plain object, of which parts can be replaced. */
function stub(tokenizer: Tokenizer): Tokenizer {
  return {
    kind: tokenizer.kind,
    vocabularySize: tokenizer.vocabularySize,
    encode: (text) => tokenizer.encode(text),
    decode: (ids) => tokenizer.decode(ids),
    toJSON: () => tokenizer.toJSON(),
  };
}

describe("a token that ends the text", () => {
  const ended = loadTokenizer(
    trainBytePairEncoding("", { vocabularySize: 258, specialTokens: ["<|endoftext|>", "<turn>"] }),
    "test",
  );
  const script = [...ended.encode("ab<turn>c<|endoftext|>d")];

  async function written(ends?: ReadonlySet<number>): Promise<{ text: string; tokens: number; finish: unknown }> {
    const left = [...script];
    const next: NextLogits = async () => {
      const id = left.shift() ?? 0;
      return new Float32Array(ended.vocabularySize).fill(100, id, id + 1);
    };
    const pieces: Written[] = [];
    const options = { prompt: "x", tokens: 20, temperature: 0, ends };
    for await (const piece of write(windowed(next, 50), ended, options)) pieces.push(piece);
    const text = pieces.map((piece) => piece.text).join("");
    return { text, tokens: pieces.filter(({ token }) => token !== undefined).length, finish: pieces.at(-1)?.finish };
  }

  it("is that of the tokenizer, unless others are named, and is not shown", async () => {
    expect(await written()).toEqual({ text: "ab<turn>c", tokens: 5, finish: "stop" });
    expect(await written(new Set(ended.encode("<turn>")))).toEqual({ text: "ab", tokens: 3, finish: "stop" });
    expect(await written(new Set())).toMatchObject({ tokens: 20, finish: "length" });
  });

  it("stands before a text that has no prompt", async () => {
    const windows: number[][] = [];
    const next: NextLogits = async (window) => {
      windows.push([...window]);
      return new Float32Array(ended.vocabularySize);
    };
    for await (const _ of generate(windowed(next, 9), ended, { prompt: "", tokens: 1 }));
    expect(windows).toEqual([[256]]);
  });
});
