import { setMaxListeners } from "node:events";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { SequenceScores } from "../../src/evaluation/index.ts";
import { Scheduler } from "../../src/server/scheduler.ts";

/** Sequences whose next "logits" are the sequence itself, with what was asked of them. */
function fake(slots: number, options: { readonly failAt?: number } = {}) {
  const sequences = new Map<number, number[]>();
  const steps: number[] = [];
  let most = 0;
  return {
    steps,
    slots,
    most: () => most,
    open: () => sequences.size,
    sequences: {
      async start(ids: ArrayLike<number>, { signal }: { signal?: AbortSignal | undefined } = {}) {
        await setImmediate();
        signal?.throwIfAborted();
        let slot = 0;
        while (sequences.has(slot)) slot++;
        sequences.set(slot, [...Array.from(ids)]);
        most = Math.max(most, sequences.size);
        return { slot, logits: Float32Array.from(ids), scores: [] };
      },
      async step(tokens: ReadonlyMap<number, number>) {
        steps.push(tokens.size);
        await setImmediate();
        if (steps.length === options.failAt) throw new Error("the device failed");
        return new Map(
          [...tokens].map(([slot, token]) => {
            const own = sequences.get(slot);
            if (own === undefined) throw new Error(`slot ${slot} is free`);
            own.push(token);
            return [slot, Float32Array.from(own)] as const;
          }),
        );
      },
      free(slot: number) {
        if (!sequences.delete(slot)) throw new Error(`slot ${slot} was free`);
      },
    },
    scorer: {
      score: async (prompts: readonly Int32Array[]) => {
        await setImmediate();
        steps.push(-prompts.length);
        return prompts.map(
          (ids): SequenceScores => ({
            logProbabilities: Float32Array.from(ids),
            top: 1,
            topIds: ids,
            topLogProbabilities: new Float32Array(),
            next: new Float32Array(),
          }),
        );
      },
    },
  };
}

const never = new AbortController().signal;
setMaxListeners(0, never);

/** Counts up until a sequence is so long. */
function counting(length: number) {
  const seen: number[][] = [];
  const next = (logits: Float32Array) => {
    seen.push([...logits]);
    return logits.length < length ? (logits.at(-1) ?? 0) + 1 : undefined;
  };
  return { seen, next };
}

describe("writing", () => {
  it("gives each sequence what belongs to it, in as many slots as there are", async () => {
    const model = fake(3);
    const scheduler = new Scheduler(model);
    const jobs = [5, 2, 9, 1, 4, 7, 3].map((length, index) => ({ index, ...counting(length) }));
    await Promise.all(jobs.map(({ index, next }) => scheduler.write(Int32Array.of(10 * index), next, never)));
    for (const { index, seen } of jobs) {
      const last = seen.at(-1) ?? [];
      expect(last).toEqual(Array.from({ length: last.length }, (_, n) => 10 * index + n));
    }
    expect(jobs.map(({ seen }) => seen.at(-1)?.length)).toEqual([5, 2, 9, 1, 4, 7, 3]);
    expect(model.most()).toBe(3);
    expect(Math.max(...model.steps)).toBeGreaterThan(1);
    expect([scheduler.active, scheduler.waiting, model.open()]).toEqual([0, 0, 0]);
  });

  it("gives a slot that becomes free to the request that has the fewest, the first of equals", async () => {
    const scheduler = new Scheduler(fake(2));
    const order: string[] = [];
    const write = async (name: string, { signal }: AbortController) => {
      await scheduler.write(Int32Array.of(1), counting(5).next, signal);
      order.push(name);
    };
    const [many, one, other] = [new AbortController(), new AbortController(), new AbortController()];
    const texts = ["a1", "a2", "a3", "a4", "a5"].map((name) => write(name, many));
    await Promise.all([...texts, write("b", one), write("c1", other), write("c2", other)]);
    expect(order).toEqual(["a1", "a2", "b", "a3", "c1", "a4", "c2", "a5"]);
  });

  it("frees the slot of a sequence whose client went away, wherever it is", async () => {
    const model = fake(1);
    const scheduler = new Scheduler(model);
    const gone = [0, 1, 2].map(() => new AbortController());
    const forever = () => 1;
    const jobs = gone.map(({ signal }) => scheduler.write(Int32Array.of(1), forever, signal));
    const settled = Promise.allSettled(jobs);
    await setImmediate();
    gone[2]?.abort(new Error("waiting"));
    expect(scheduler.waiting).toBe(1);
    while (model.steps.length < 4) await setImmediate();
    gone[0]?.abort(new Error("writing"));
    while (model.steps.length < 9) await setImmediate();
    gone[1]?.abort(new Error("starting or writing"));
    const reasons = (await settled).map((result) => (result.status === "rejected" ? String(result.reason) : ""));
    expect(reasons).toEqual(["Error: writing", "Error: starting or writing", "Error: waiting"]);
    await scheduler.idle();
    expect([scheduler.active, scheduler.waiting, model.open()]).toEqual([0, 0, 0]);
    const { seen, next } = counting(3);
    await scheduler.write(Int32Array.of(1), next, never);
    expect(seen.at(-1)).toEqual([1, 2, 3]);
    await expect(scheduler.write(Int32Array.of(1), next, AbortSignal.abort(new Error("before")))).rejects.toThrow(
      "before",
    );
  });

  it("goes on after a fault of the model, and after one of a sequence", async () => {
    const model = fake(2, { failAt: 2 });
    const scheduler = new Scheduler(model);
    const bad = () => {
      throw new Error("no token");
    };
    const settled = await Promise.allSettled([
      scheduler.write(Int32Array.of(1), counting(9).next, never),
      scheduler.write(Int32Array.of(2), bad, never),
    ]);
    expect(settled.map((result) => (result.status === "rejected" ? String(result.reason) : ""))).toEqual([
      "Error: the device failed",
      "Error: no token",
    ]);
    const { seen, next } = counting(4);
    await scheduler.write(Int32Array.of(3), next, never);
    expect(seen.at(-1)).toEqual([3, 4, 5, 6]);
    expect(model.open()).toBe(0);
  });
});

describe("scoring", () => {
  it("puts prompts together that come together, up to a number of tokens", async () => {
    const model = fake(1);
    const scheduler = new Scheduler(model);
    const lengths = [1000, 1000, 1000, 3000, 1, 2];
    const scores = await Promise.all(lengths.map((length) => scheduler.score(new Int32Array(length), never)));
    expect(scores.map(({ logProbabilities }) => logProbabilities.length)).toEqual(lengths);
    expect(model.steps).toEqual([-2, -1, -1, -2]);
    expect(scheduler.waiting).toBe(0);
  });

  it("leaves out prompts whose clients went away", async () => {
    const model = fake(1);
    const scheduler = new Scheduler(model);
    const gone = new AbortController();
    const left = scheduler.score(Int32Array.of(1), gone.signal);
    const kept = scheduler.score(Int32Array.of(2), never);
    gone.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    await kept;
    expect(model.steps).toEqual([-1]);
  });
});
