/** Sequences of a model without a cache do what those of a decoder do. */

import { describe, expect, it } from "vitest";
import { type NextLogits, windowed } from "../../src/generation/index.ts";

const CONTEXT = 3;

/** The logits of a window are the window; one that ends with 9 fails. */
const echo: NextLogits = async (window) => {
  if (window.at(-1) === 9) throw new Error("no memory");
  return Float32Array.from(window);
};

describe("windows", () => {
  it("begin with one token at least, and no more than the context", async () => {
    const sequences = windowed(echo, CONTEXT);
    await expect(sequences.start([])).rejects.toThrow("a sequence begins with one token at least, got none");
    await expect(sequences.start([1, 2, 3, 4])).rejects.toThrow("the prompt has 4 tokens, the model's context 3");
    const { slot } = await sequences.start([1, 2, 3]);
    await expect(sequences.step(new Map([[slot, 4]]))).rejects.toThrow("the sequence is full: it has the 3 tokens");
  });

  it("have as many slots as are asked for, which an aborted or failed prompt does not take", async () => {
    const sequences = windowed(echo, CONTEXT, 2);
    const abort = new AbortController();
    abort.abort(new Error("gone"));
    await expect(sequences.start([1], { signal: abort.signal })).rejects.toThrow("gone");
    await expect(sequences.start([9])).rejects.toThrow("no memory");
    expect([(await sequences.start([1])).slot, (await sequences.start([2])).slot]).toEqual([0, 1]);
    await expect(sequences.start([3])).rejects.toThrow("all 2 slots are taken; free one first");
    sequences.free(0);
    expect((await sequences.start([4])).slot).toBe(0);
    await expect(sequences.step(new Map([[5, 1]]))).rejects.toThrow("slot 5 is free");
  });

  it("are as they were where one of them fails", async () => {
    const sequences = windowed(echo, CONTEXT);
    const [one, other] = [await sequences.start([1]), await sequences.start([2])];
    const step = (a: number, b: number) =>
      sequences.step(
        new Map([
          [one.slot, a],
          [other.slot, b],
        ]),
      );
    await expect(step(5, 9)).rejects.toThrow("no memory");
    expect([...(await step(6, 7)).values()].map((logits) => [...logits])).toEqual([
      [1, 6],
      [2, 7],
    ]);
  });

  it("that are asked for at once follow one another", async () => {
    const sequences = windowed(echo, CONTEXT);
    const { slot } = await sequences.start([1]);
    const steps = [4, 6].map((token) => sequences.step(new Map([[slot, token]])));
    const windows = (await Promise.all(steps)).map((logits) => [...(logits.get(slot) ?? [])]);
    expect(windows).toEqual([
      [1, 4],
      [1, 4, 6],
    ]);
  });
});
