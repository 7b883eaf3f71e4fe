import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { consecutiveBatches, randomBatch, sequencesPerPass } from "../../src/text/batches.ts";
import { memoryTokens } from "../../src/text/token-file.ts";

/** Tokens whose id is their position. */
function counting(length: number) {
  return memoryTokens(Uint32Array.from({ length }, (_, position) => position));
}

describe("randomBatch", () => {
  const options = { seed: 7, step: 3, sequences: 5, context: 11 };

  it("takes windows of the text, with the token after each as its target", () => {
    const batch = randomBatch(counting(1000), options);
    expect([batch.sequences, batch.context]).toEqual([5, 11]);
    expect(batch.tokens).toHaveLength(55);
    for (let row = 0; row < 5; row++) {
      const start = batch.tokens[row * 11] ?? 0;
      const window = Int32Array.from({ length: 12 }, (_, index) => start + index);
      expect(batch.tokens.slice(row * 11, row * 11 + 11)).toEqual(window.slice(0, 11));
      expect(batch.targets.slice(row * 11, row * 11 + 11)).toEqual(window.slice(1));
    }
  });

  it("depends on seed, step and stream alone", () => {
    const source = counting(100_000);
    const first = randomBatch(source, options);
    randomBatch(source, { ...options, step: 2 });
    expect(randomBatch(source, options)).toEqual(first);
    const others = [{ seed: 8 }, { step: 4 }, { stream: "evaluation" }].map((change) =>
      randomBatch(source, { ...options, ...change }),
    );
    const starts = [first, ...others].map(({ tokens }) => tokens[0]);
    expect(new Set(starts).size).toBe(4);
    expect(starts).toEqual([29_990, 53_173, 4095, 69_120]);
  });

  it("has the same rows in micro-batches of any size", () => {
    const source = counting(500);
    const whole = randomBatch(source, options);
    fc.assert(
      fc.property(fc.nat(5), fc.nat(5), (from, to) => {
        fc.pre(from <= to);
        const part = randomBatch(source, { ...options, rows: { from, to } });
        expect(part.sequences).toBe(to - from);
        expect(part.tokens).toEqual(whole.tokens.slice(from * 11, to * 11));
        expect(part.targets).toEqual(whole.targets.slice(from * 11, to * 11));
      }),
    );
    // A larger batch begins with the rows of a smaller one.
    expect(randomBatch(source, { ...options, sequences: 9 }).tokens.slice(0, 55)).toEqual(whole.tokens);
  });

  it("begins anywhere from the first token to the last that leaves a whole window", () => {
    const { tokens } = randomBatch(counting(7), { seed: 1, step: 0, sequences: 3000, context: 4 });
    const counts = [0, 0, 0];
    for (let row = 0; row < 3000; row++) {
      const start = tokens[row * 4] ?? 0;
      counts[start] = (counts[start] ?? 0) + 1;
    }
    expect(counts).toHaveLength(3);
    for (const count of counts) {
      expect(Math.abs(count - 1000)).toBeLessThan(4 * Math.sqrt((3000 * 2) / 9));
    }
  });

  it("takes the whole of a text of one window, and refuses a shorter one", () => {
    expect(randomBatch(counting(12), options).tokens[0]).toBe(0);
    expect(() => randomBatch(counting(11), options)).toThrow(
      new UserError(
        "The text has 11 tokens, expected at least 12 for a context of 11; give a longer text or a smaller context",
      ),
    );
  });

  it("refuses a batch of nothing", () => {
    for (const shape of [{ sequences: 0 }, { context: 0 }, { sequences: 1.5 }]) {
      const impossible = { ...options, ...shape };
      const message = `A batch needs at least one sequence of one token, not ${impossible.sequences} of ${impossible.context}`;
      expect(() => randomBatch(counting(100), impossible)).toThrow(new RangeError(message));
      expect(() => [...consecutiveBatches(counting(100), impossible)]).toThrow(new RangeError(message));
    }
  });

  it("refuses rows that the batch lacks", () => {
    for (const rows of [
      { from: -1, to: 2 },
      { from: 3, to: 2 },
      { from: 0, to: 6 },
    ]) {
      expect(() => randomBatch(counting(100), { ...options, rows })).toThrow(
        new RangeError(`A batch of 5 sequences has no rows ${rows.from} to ${rows.to}`),
      );
    }
  });
});

describe("consecutiveBatches", () => {
  it("is of 4096 tokens a pass, at least one sequence, where nothing else is asked for", () => {
    expect([1, 64, 1000, 4096, 5000].map(sequencesPerPass)).toEqual([4096, 64, 4, 1, 1]);
    const sizes = [...consecutiveBatches(counting(9002), { context: 1000 })].map((batch) => batch.sequences);
    expect(sizes).toEqual([4, 4, 1, 1]);
  });

  it("covers the text once: whole batches, then fewer rows, then what is left", () => {
    const batches = [...consecutiveBatches(counting(25), { sequences: 3, context: 5 })];
    expect(batches.map(({ sequences, context }) => [sequences, context])).toEqual([
      [3, 5],
      [1, 5],
      [1, 4],
    ]);
    expect(batches[1]?.tokens).toEqual(Int32Array.of(15, 16, 17, 18, 19));
    expect(batches[2]?.targets).toEqual(Int32Array.of(21, 22, 23, 24));
  });

  it("makes every token but the first a target exactly once", () => {
    const positive = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(
        fc.nat(100),
        positive,
        positive,
        fc.option(fc.nat(120), { nil: undefined }),
        (length, sequences, context, maxTokens) => {
          const options = { sequences, context, ...(maxTokens !== undefined && { maxTokens }) };
          const batches = [...consecutiveBatches(counting(length), options)];
          const targets = batches.flatMap((batch) => [...batch.targets]);
          const count = Math.max(0, Math.min(length - 1, maxTokens ?? length));
          expect(targets).toEqual(Array.from({ length: count }, (_, index) => index + 1));
          expect(batches.flatMap((batch) => [...batch.tokens])).toEqual(targets.map((target) => target - 1));
          for (const batch of batches) {
            expect(batch.tokens).toHaveLength(batch.sequences * batch.context);
            expect(batch.sequences <= sequences && batch.context <= context).toBe(true);
          }
        },
      ),
    );
  });

  it("yields nothing for fewer than two tokens", () => {
    expect([...consecutiveBatches(counting(1), { sequences: 3, context: 5 })]).toEqual([]);
    expect([...consecutiveBatches(counting(0), { sequences: 3, context: 5 })]).toEqual([]);
  });
});
