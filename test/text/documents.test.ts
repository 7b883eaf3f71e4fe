/** Rows of documents, against a computation token by token. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  consecutiveBatches,
  type DocumentSource,
  memoryTokens,
  randomBatch,
  splitCorpus,
} from "../../src/text/index.ts";

/** Documents of ids that all differ, of which the odd ones are learned. */
function sourceOf(lengths: readonly number[], separate = true): DocumentSource {
  const length = lengths.reduce((sum, n) => sum + n, 0);
  const ids = Uint32Array.from({ length }, (_, id) => id);
  const starts = Uint32Array.from(lengths, (_, index) => lengths.slice(0, index).reduce((sum, n) => sum + n, 0));
  const learned = Uint8Array.from(ids, (id) => id % 2);
  return { ...memoryTokens(ids), documents: { starts, learned, separate, placeOf: String } };
}

const documents = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });

describe("random rows", () => {
  it("begin with a document, go on with the next, and learn what follows in each", () => {
    fc.assert(
      fc.property(documents, fc.integer({ min: 1, max: 8 }), fc.nat(99), (lengths, context, step) => {
        const source = sourceOf([...lengths, context + 1]);
        const { starts, learned } = source.documents;
        const learns = (start: number, index: number) =>
          learned.subarray(start + 1, Math.min(starts[index + 1] ?? source.length, start + context + 1)).includes(1);
        fc.pre(starts.some(learns));
        const options = { seed: 1, step, sequences: 3, context };
        const batch = randomBatch(source, options);
        for (let row = 0; row < 3; row++) {
          const at = (array: ArrayLike<number> | undefined, index: number) =>
            array?.[row * context + index] ?? Number.NaN;
          expect(starts.filter(learns)).toContain(at(batch.tokens, 0));
          for (let index = 0; index < context; index++) {
            const [token, target] = [at(batch.tokens, index), at(batch.targets, index)];
            expect(target).toBe((token + 1) % source.length);
            if (index + 1 < context) expect(at(batch.tokens, index + 1)).toBe(target);
            expect(at(batch.weights, index)).toBe(starts.includes(target) ? 0 : target % 2);
            const before = Array.from({ length: index }, (_, place) => at(batch.tokens, place + 1));
            expect(at(batch.documents, index)).toBe(before.filter((id) => starts.includes(id)).length);
          }
        }
        // Micro-batches are the rows of the whole.
        const part = randomBatch(source, { ...options, rows: { from: 1, to: 2 } });
        expect(part.weights).toEqual(batch.weights?.slice(context, 2 * context));
        expect(randomBatch(sourceOf([...lengths, context + 1], false), options).documents).toBe(undefined);
      }),
    );
  });
});

describe("documents of which nothing is learned in a row", () => {
  it("begin none, and are refused where there are no others", () => {
    const source = sourceOf([4, 4, 5]);
    source.documents.learned.fill(0);
    source.documents.learned[7] = 1;
    for (const step of [0, 1, 2]) {
      expect([...randomBatch(source, { seed: 1, step, sequences: 2, context: 3 }).tokens]).toEqual([4, 5, 6, 4, 5, 6]);
    }
    expect([...consecutiveBatches(source, { context: 3 })].map(({ tokens }) => [...tokens])).toEqual([[4, 5, 6]]);
    expect(() => randomBatch(source, { seed: 1, step: 0, sequences: 1, context: 2 })).toThrow(
      "The text has no document with anything to learn in its first 3 tokens, expected a completion or a reply there; " +
        "raise model.context to 3 at least",
    );
  });
});

describe("rows one after another", () => {
  it("learn each document once, as far as it fits", () => {
    fc.assert(
      fc.property(documents, fc.integer({ min: 1, max: 8 }), (lengths, context) => {
        const source = sourceOf(lengths);
        const { starts } = source.documents;
        const learned: number[] = [];
        for (const { targets, weights } of consecutiveBatches(source, { context, sequences: 2 })) {
          for (const [place, target] of targets.entries()) if (weights?.[place] === 1) learned.push(target);
        }
        const expected = lengths.flatMap((length, index) =>
          Array.from({ length: Math.min(length, context + 1) }, (_, place) => (starts[index] ?? 0) + place).slice(1),
        );
        expect(learned).toEqual(expected.filter((id) => id % 2 === 1));
      }),
    );
  });
});

it("documents are split whole", () => {
  const { train, validation } = splitCorpus(sourceOf([3, 1, 4, 1, 5]), 0.6);
  expect([train.length, validation.length]).toEqual([8, 6]);
  expect([...(validation.documents?.starts ?? [])]).toEqual([0, 1]);
  expect([...(validation.documents?.learned ?? [])]).toEqual([0, 1, 0, 1, 0, 1]);
  expect(validation.documents?.placeOf(1)).toBe("4");
  expect([...validation.read(0, 6)]).toEqual([8, 9, 10, 11, 12, 13]);
});
