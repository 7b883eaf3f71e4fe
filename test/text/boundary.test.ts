/** Texts that are divided where a tokenizer.json says have the ids of the whole, for every combination of parts that Python gave figures for. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import type { Tokenizer } from "../../src/text/index.ts";
import { type Combination, figures, isRefused, tokenizerOf } from "../support/tokenizer-figures.ts";

/** The ids of a text whose pieces end at some of its boundaries; nothing where the tokenizer refuses it. */
function idsInPieces(tokenizer: Tokenizer, text: string, ends: readonly number[]): number[] | undefined {
  try {
    return [0, ...ends].flatMap((start, index) => [
      ...tokenizer.encode(text.slice(start, ends[index] ?? text.length), index > 0),
    ]);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return undefined;
  }
}

function placesIn(text: string, boundary: RegExp): number[] {
  return Array.from(text.matchAll(boundary), ({ index }) => index).filter((place) => place > 0);
}

/** Divides a text at each of its boundaries alone, and at all of them. */
function checkDivisions(tokenizer: Tokenizer, boundary: RegExp, text: string, of: unknown): number {
  const whole = idsInPieces(tokenizer, text, []);
  const places = placesIn(text, boundary);
  for (const ends of [...places.map((place) => [place]), places]) {
    expect({ of, text, ends, ids: idsInPieces(tokenizer, text, ends) }).toEqual({ of, text, ends, ids: whole });
  }
  return places.length;
}

/** Texts of figures one after the other, with white space of all kinds between. */
const TEXTS = figures.texts.flatMap((text, index) => {
  const next = figures.texts[(index * 7 + 3) % figures.texts.length] ?? "";
  const between = [" ", "\n", "\r\n", "\n\n", "  ", ". ", ".\n", "\n  ", " \n"][index % 9];
  return [text, `${text}a${between}${next}`, `${next}${between}${text}`];
});

const NONE: Combination = {
  normalizer: "none",
  pre_tokenizer: "none",
  post_processor: "none",
  decoder: "none",
  added: "none",
  model: "pieces",
};

const combinations = [...new Map(figures.encodings.map(({ ids, ...of }) => [JSON.stringify(of), of])).values()].filter(
  (of) => of.post_processor === "none",
);

/** The combinations whose texts can be divided. */
const divisible = combinations.flatMap((of, index) => {
  const tokenizer = isRefused(of) ? undefined : tokenizerOf(of);
  const boundary = tokenizer?.boundary;
  return tokenizer !== undefined && boundary instanceof RegExp ? [{ of, index, tokenizer, boundary }] : [];
});

describe("a text", () => {
  it("has the ids of its parts, where it can be divided", () => {
    let places = 0;
    for (const { of, index, tokenizer, boundary } of divisible) {
      for (let text = index % 9; text < TEXTS.length; text += 9) {
        places += checkDivisions(tokenizer, boundary, TEXTS[text] ?? "", of);
      }
    }
    expect(divisible.length).toBeGreaterThan(440);
    expect(places).toBeGreaterThan(5000);
  });

  it("that cannot be divided has a part of the tokenizer for the reason", () => {
    const because = (of: Partial<Combination>) => {
      const { boundary } = tokenizerOf({ ...NONE, ...of });
      return boundary instanceof RegExp ? undefined : boundary;
    };
    const reason = (part: string) => ({ because: `the tokenizer's ${part} may depend on all of a text` });
    expect(because({ pre_tokenizer: "FixedLength" })).toEqual(reason("pre_tokenizer (FixedLength)"));
    expect(because({ normalizer: "Replace to nothing" })).toEqual(reason("normalizer (Replace)"));
    expect(because({ pre_tokenizer: "Metaspace unsplit", model: "unigram" })).toEqual(reason("model"));
    expect(because({ pre_tokenizer: "llama3" })).toBeUndefined();
    expect(because({ pre_tokenizer: "gpt4o" })).toBeUndefined();
    expect(because({ pre_tokenizer: "deepseek" })).toBeUndefined();
    expect(because({ normalizer: "t5", pre_tokenizer: "Metaspace always", model: "unigram" })).toBeUndefined();
    expect(because({ normalizer: "bert", pre_tokenizer: "Bert", model: "wordpiece" })).toBeUndefined();
  });

  it("has them at random too", () => {
    const unit = fc.constantFrom(
      ..."aAe1.▁'s\"`é中がΣ<>☃",
      "e\u0301",
      " ",
      "\n",
      "\r\n",
      "<s>",
      "</s>",
      "<mask>",
      "the",
      "[UNK]",
    );
    const words = fc.array(unit, { minLength: 2, maxLength: 40 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.constantFrom(...divisible), words, ({ of, tokenizer, boundary }, text) => {
        checkDivisions(tokenizer, boundary, text, of);
      }),
      { numRuns: 2000 },
    );
  });
});
