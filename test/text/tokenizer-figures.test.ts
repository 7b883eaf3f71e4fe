import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import type { JsonTokenizer } from "../../src/text/json-tokenizer.ts";
import { StreamDecoder } from "../../src/text/stream-decoder.ts";
import { figures, isRefused, tokenizerOf } from "../support/tokenizer-figures.ts";

function encodedOrRefused(tokenizer: JsonTokenizer, text: string): number[] | null {
  try {
    return [...tokenizer.encode(text)];
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return null;
  }
}

describe("the tokens of Python's tokenizers", () => {
  it("has figures of many combinations, with refusals among them", () => {
    const all = figures.encodings.flatMap(({ ids: some }) => Object.values(some ?? {}));
    expect(all.length).toBeGreaterThan(4000);
    expect(all.filter((some) => some === null).length).toBeGreaterThan(20);
    expect(figures.decodings.flatMap(({ streams }) => streams).length).toBeGreaterThan(500);
    for (const post of Object.keys(figures.post_processors))
      expect(figures.encodings.filter((one) => one.post_processor === post).length, post).toBeGreaterThan(17);
  });

  it("are the same ids for every combination of parts", () => {
    for (const { ids: expected, ...of } of figures.encodings) {
      if (isRefused(of)) {
        expect(() => tokenizerOf(of)).toThrow(UserError);
        continue;
      }
      const tokenizer = tokenizerOf(of);
      const found = Object.keys(expected ?? {}).map((number) => {
        return [number, encodedOrRefused(tokenizer, figures.texts[Number(number)] ?? "")];
      });
      expect({ of, ids: Object.fromEntries(found) }).toEqual({ of, ids: expected });
    }
  });

  it("are the same texts, whole and streamed after a context", () => {
    for (const { texts, streams, ...of } of figures.decodings) {
      const tokenizer = tokenizerOf(of);
      expect({ of, texts: texts.map(([some]) => [some, tokenizer.decode(some)]) }).toEqual({ of, texts });
      const streamed = streams.map(([context, some]) => {
        const decoder = new StreamDecoder(tokenizer, context);
        return [context, some, some.map((id) => decoder.push(id)).join("") + decoder.end()];
      });
      expect({ of, streams: streamed }).toEqual({ of, streams });
    }
  });
});
