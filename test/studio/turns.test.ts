/** Whose turn it is in the studio. */

import { DivergenceError } from "tokenformer/browser";
import { expect, it, vi } from "vitest";
import { divergedWords, explained, explaining } from "../../studio/src/engine/faults.ts";
import { Turns, type TurnsOptions } from "../../studio/src/engine/turns.ts";

/** Runs that only count: each update costs some operations. */
function counting(
  costs: Readonly<Record<string, number>>,
  end = Number.POSITIVE_INFINITY,
  others: Partial<TurnsOptions> = {},
) {
  const runs = new Map(
    Object.entries(costs).map(([id, cost]) => [
      id,
      { flops: 0, updates: 0, cost, fails: undefined as Error | undefined },
    ]),
  );
  const saved: string[] = [];
  const told: string[] = [];
  const stopped: string[] = [];
  const turns = new Turns({
    live: async (id) => {
      const run = runs.get(id);
      if (run === undefined) throw new Error(`no run ${id}`);
      return {
        flops: run.flops,
        advance: async () => {
          await new Promise(setImmediate);
          if (run.fails !== undefined) throw run.fails;
          if (run.updates === end) return false;
          run.updates++;
          run.flops += run.cost;
          return true;
        },
      };
    },
    family: (id) => id[0] ?? "",
    save: async (id) => void saved.push(id),
    changed: (id) => told.push(`${id} ${turns.status(id).kind}`),
    stopped: (id) => stopped.push(id),
    mended: async () => false,
    ...others,
  });
  return { runs, saved, told, stopped, turns };
}

async function until(condition: () => boolean) {
  while (!condition()) await new Promise(setImmediate);
}

it("gives the runs of a family the same operations, and families as many updates", async () => {
  const { runs, turns } = counting({ a1: 3, a2: 7, b: 100 });
  for (const id of ["a1", "a2", "b"]) turns.start(id);
  await until(() => (runs.get("b")?.updates ?? 0) >= 100);
  await Promise.all(["a1", "a2", "b"].map((id) => turns.pause(id)));
  const [a1, a2, b] = ["a1", "a2", "b"].map((id) => runs.get(id));
  expect(Math.abs((a1?.flops ?? 0) - (a2?.flops ?? 0))).toBeLessThanOrEqual(7);
  expect(Math.abs((a1?.updates ?? 0) + (a2?.updates ?? 0) - (b?.updates ?? 0))).toBeLessThanOrEqual(1);
});

it("starts, pauses and keeps", async () => {
  const { runs, saved, told, stopped, turns } = counting({ a: 1 });
  turns.start("a");
  turns.start("a");
  await until(() => (runs.get("a")?.updates ?? 0) === 5);
  expect(turns.training).toEqual(["a"]);
  await turns.pause("a");
  const { updates = 0 } = runs.get("a") ?? {};
  expect(updates).toBeLessThanOrEqual(6);
  expect(saved).toEqual(["a"]);
  expect(told).toEqual(["a starting", "a training", "a paused"]);
  expect(stopped).toEqual(["a"]);
  turns.start("a");
  await until(() => (runs.get("a")?.updates ?? 0) > updates + 3);
  await turns.pause("a");
});

it("pauses a run that has come to its end", async () => {
  const now = vi.spyOn(performance, "now").mockReturnValue(0);
  const { runs, saved, stopped, turns } = counting({ a: 1, b: 1 }, 4);
  for (const id of ["a", "b"]) turns.start(id);
  // Long enough ago for it to be due to be kept: that it is, once, before others may have it.
  now.mockReturnValue(1e6);
  await until(() => turns.training.length === 0);
  now.mockRestore();
  expect(runs.get("a")?.updates).toBe(4);
  expect(saved.slice(-2)).toEqual(stopped);
  expect(new Set(stopped)).toEqual(new Set(["a", "b"]));
});

it("does not go on after what interrupts it where it was paused or deleted meanwhile", async () => {
  const { told, stopped, turns } = counting({ a: 1, b: 1 });
  for (const id of ["a", "b"]) {
    turns.start(id);
    await until(() => turns.status(id).kind === "training");
    await turns.interrupted(id, async () => (id === "a" ? turns.pause(id) : turns.forget(id)));
    expect([turns.status(id).kind, turns.training]).toEqual(["paused", []]);
  }
  // Paused, it is told and let go of, once; deleted, there is nothing to tell.
  expect(told).toEqual(["a starting", "a training", "a paused", "b starting", "b training"]);
  expect(stopped).toEqual(["a", "b"]);
});

it("tells what failed, and lets the others go on", async () => {
  const faults: (readonly [unknown, string])[] = [];
  const mended = async (error: unknown, run: string) => {
    faults.push([error, run]);
    return false;
  };
  const { runs, turns } = counting({ a: 1, b: 1 }, Number.POSITIVE_INFINITY, { mended });
  turns.start("a");
  turns.start("b");
  await until(() => (runs.get("b")?.updates ?? 0) === 3);
  const a = runs.get("a");
  const fault = new RangeError("Array buffer allocation failed");
  if (a !== undefined) a.fails = fault;
  await until(() => (runs.get("b")?.updates ?? 0) === 9);
  expect(faults).toEqual([[fault, "a"]]);
  expect(turns.status("a")).toMatchObject({ kind: "failed", message: expect.stringContaining("not enough memory") });
  await turns.pause("b");
});

it("goes on after what interrupts it, also where that fails, and as a failed one stays failed", async () => {
  const { runs, told, stopped, turns } = counting({ a: 1, b: 1 });
  const refuse = async () => {
    throw new Error("no room");
  };
  turns.start("a");
  await until(() => (runs.get("a")?.updates ?? 0) === 3);
  expect(await turns.interrupted("a", async () => turns.status("a").kind)).toBe("paused");
  const { updates = 0 } = runs.get("a") ?? {};
  await until(() => (runs.get("a")?.updates ?? 0) > updates + 2);
  await expect(turns.interrupted("a", refuse)).rejects.toThrow("no room");
  expect(turns.status("a").kind).toBe("starting");
  await until(() => turns.status("a").kind === "training");
  expect(told).toEqual(["a starting", "a training", "a starting", "a training", "a starting", "a training"]);
  // It has been this tab's all the while.
  expect(stopped).toEqual([]);
  await turns.pause("a");
  await expect(turns.interrupted("a", refuse)).rejects.toThrow("no room");
  expect(turns.status("a").kind).toBe("paused");

  const b = runs.get("b");
  if (b !== undefined) b.fails = new Error("broken");
  turns.start("b");
  await until(() => turns.status("b").kind === "failed");
  await expect(turns.interrupted("b", refuse)).rejects.toThrow("no room");
  expect(turns.status("b").kind).toBe("failed");
});

it("does not take the fault of an update for one of the state that took the run's place meanwhile", async () => {
  let looked = () => {};
  const looking = new Promise<void>((resolve) => {
    looked = resolve;
  });
  let answer: (mended: boolean) => void = () => {};
  const mended = () =>
    new Promise<boolean>((resolve) => {
      answer = resolve;
      looked();
    });
  const { runs, stopped, turns } = counting({ a: 1 }, Number.POSITIVE_INFINITY, { mended });
  const a = runs.get("a");
  if (a === undefined) throw new Error("no run a");
  a.fails = new Error("the model was freed");
  turns.start("a");
  await looking;
  await turns.interrupted("a", async () => {
    a.fails = undefined;
  });
  answer(false);
  await until(() => a.updates === 3 || turns.status("a").kind === "failed");
  expect([turns.status("a").kind, stopped]).toEqual(["training", []]);
  await turns.pause("a");
});

it("trains what is started after a run was deleted elsewhere, and after a device that cannot be had", async () => {
  const mended = async () => {
    throw new Error("no other device");
  };
  const gone = new Set<string>();
  const family = (run: string) => {
    if (gone.has(run)) throw new Error(`no run ${run}`);
    return run;
  };
  const { runs, told, stopped, turns } = counting({ a: 1, b: 1, c: 1 }, Number.POSITIVE_INFINITY, { mended, family });
  turns.start("a");
  turns.start("b");
  await until(() => (runs.get("b")?.updates ?? 0) === 3);
  gone.add("a");
  runs.delete("a");
  await until(() => turns.status("a").kind === "failed");
  expect(turns.status("a")).toMatchObject({ message: expect.stringContaining("no other device") });
  expect([told.at(-1), stopped]).toEqual(["a failed", ["a"]]);
  turns.start("c");
  await until(() => (runs.get("c")?.updates ?? 0) === 3 && (runs.get("b")?.updates ?? 0) > 6);
  await Promise.all([turns.pause("b"), turns.pause("c")]);
});

it("explains faults, not what the visitor did", async () => {
  const calls = explaining({
    broken: () => Promise.reject(new Error("internal: x")),
    fine: async (n: number) => n + 1,
  });
  await expect(calls.broken()).rejects.toThrow(/^Something went wrong .*internal: x.*Reload the page/);
  expect(await calls.fine(2)).toBe(3);
  expect(explained(new Error("std::bad_alloc")).message).toMatch(/not enough memory/);
  // In words of the page: there are no options here.
  const diverged = new DivergenceError("step 3: the loss is NaN", "; lower training.learningRate");
  const { message } = explained(diverged);
  expect(message).toMatch(/^Its loss is too high at the moment \(step 3: the loss is NaN\): train it until/);
  expect(message).not.toContain("training.");
  expect(divergedWords(diverged, true)).toMatch(/: the loss is NaN\): what was last saved of it is kept, and trying/);
  expect(divergedWords(diverged, false)).toMatch(/: the loss is NaN\), and nothing of it was saved/);
});
