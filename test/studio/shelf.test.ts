/** The runs of the studio on a device of Node, kept in memory: what is kept of each, and when. */

import { unzipSync } from "fflate";
import { type Device, openDevice } from "tokenformer";
import { parseConfig, UserError } from "tokenformer/browser";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import type { EngineEvent } from "../../studio/src/engine/api.ts";
import { configFromChoices } from "../../studio/src/engine/choices.ts";
import { Shelf, type ShelfOptions } from "../../studio/src/engine/shelf.ts";
import type { StoredRun, StoredState } from "../../studio/src/engine/store.ts";
import { faults } from "../support/faults.ts";
import { text, tinyConfig } from "../training/support.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("cpu", { threads: 1 });
});
afterAll(() => device.close());
afterEach(() => {
  vi.unstubAllGlobals();
});

/** A store in memory, which refuses what it is told to. */
function memoryStore() {
  const [runs, states, texts, undo] = [
    new Map<string, StoredRun>(),
    new Map<string, StoredState>(),
    new Map<string, { name: string; text: string }>(),
    new Map<string, Map<number, StoredState>>(),
  ];
  const store: ShelfOptions["store"] & { fault: Error | undefined } = {
    fault: undefined,
    runs: async () => [...runs.values()],
    run: async (id) => runs.get(id),
    state: async (id) => states.get(id),
    text: async (id) => texts.get(id),
    undo: async (id, growths) => undo.get(id)?.get(growths),
    hasUndo: async (id, growths) => undo.get(id)?.has(growths) === true,
    save: async (run, { state, text } = {}) => {
      if (store.fault !== undefined) throw store.fault;
      const { revision = 0 } = run;
      if ((runs.get(run.id)?.revision ?? 0) !== revision) throw new UserError("another tab has kept something else");
      const next = { ...run, revision: revision + 1 };
      runs.set(run.id, next);
      if (state !== undefined) states.set(run.id, state);
      if (text !== undefined) texts.set(run.id, text);
      return next;
    },
    keepUndo: async (id, state) => {
      if (store.fault !== undefined) throw store.fault;
      undo.set(id, new Map(undo.get(id)).set(state.history.growths.length, state));
    },
    dropUndo: async (id, growths) => void undo.get(id)?.delete(growths),
    dropUndoBefore: async (id, growths) => {
      for (const earlier of undo.get(id)?.keys() ?? []) if (earlier < growths) undo.get(id)?.delete(earlier);
    },
    remove: async (id) => {
      if (store.fault !== undefined) throw store.fault;
      for (const part of [runs, states, texts, undo]) part.delete(id);
    },
  };
  return store;
}

const named = { name: "cats", text };

/** A configuration as the page makes it. */
function pageConfig() {
  const sizes = { layers: 1, heads: 2, width: 12, context: 7, attentionTokens: 0, feedForwardTokens: 0, batch: 3 };
  const made = configFromChoices({ ...sizes, name: "a", architecture: "transformer", learningRate: 1e-3, seed: 5 });
  if ("complaints" in made) throw new Error(JSON.stringify(made.complaints));
  return made.config;
}

async function opened(
  growth: Parameters<typeof tinyConfig>[1] = {},
  store = memoryStore(),
  training: Parameters<typeof tinyConfig>[0] = {},
  config = parseConfig(tinyConfig(training, growth)),
) {
  const told: EngineEvent[] = [];
  const open = () =>
    Shelf.open({
      store,
      device: () => device,
      status: () => ({ kind: "paused" }),
      tell: (event) => void told.push(event),
    });
  const shelf = await open();
  const create = async () => (await shelf.create({ name: "a", config, text: named, pieces: "characters" })).summary.id;
  const notices = () => told.flatMap((event) => (event.type === "notice" ? [event.message] : []));
  const trainTo = async (id: string, step: number) => {
    const { live } = await shelf.live(id);
    while (live.step < step) if (!(await live.advance())) throw new Error(`it ended at step ${live.step}`);
  };
  return { shelf, store, told, open, create, notices, trainTo };
}

it("makes runs in a page that is not served securely, each known by another name", async () => {
  const { getRandomValues } = crypto;
  vi.stubGlobal("crypto", { getRandomValues: getRandomValues.bind(crypto) });
  const { shelf, create } = await opened();
  const ids = [await create(), await create()];
  expect(new Set(ids).size).toBe(2);
  for (const id of ids) await shelf.remove(id);
});

it("keeps all of a run that had no room, once there is some, though it was renamed meanwhile", async () => {
  const { shelf, store, open, create, notices, trainTo } = await opened();
  store.fault = new Error("no room");
  const id = await create();
  expect(notices()).toEqual([expect.stringContaining("no room")]);
  await trainTo(id, 2);
  // There is nothing to go back to.
  expect(await shelf.goBack(id)).toBe(false);
  expect([shelf.unsaved, (await shelf.live(id)).live.step]).toEqual([[id], 2]);
  await shelf.rename(id, "b");
  expect(shelf.summary(id).name).toBe("b");
  store.fault = undefined;
  await shelf.rename(id, "c");
  const again = await open();
  expect(again.summaries()).toMatchObject([{ id, name: "c", step: 2 }]);
  expect((await again.live(id)).live.step).toBe(2);
  expect(shelf.unsaved).toEqual([]);
  await trainTo(id, 3);
  await shelf.save(id);
  expect((await open()).summaries()).toMatchObject([{ id, step: 3 }]);
  await shelf.remove(id);
});

it("keeps no record that is ahead of its state, where that could not be kept before a run is renamed", async () => {
  const { shelf, store, open, create, trainTo } = await opened();
  const id = await create();
  await trainTo(id, 2);
  store.fault = new Error("no room");
  await shelf.save(id);
  store.fault = undefined;
  await shelf.rename(id, "b");
  const again = await open();
  expect(again.summaries()).toMatchObject([{ id, name: "b", step: 2 }]);
  expect((await again.live(id)).live.step).toBe(2);
  await again.rename(id, "c");
  expect((await open()).summaries()).toMatchObject([{ name: "c", step: 2 }]);
  await shelf.remove(id);
});

it("says of a run that had no room that nothing is kept, once it is not on the device any more", async () => {
  const { shelf, store, create } = await opened();
  store.fault = new Error("no room");
  const id = await create();
  const { live } = await shelf.live(id);
  shelf.dropLive();
  await live.close();
  for (const asked of ["live", "view", "archive", "text"] as const)
    await expect(shelf[asked](id), asked).rejects.toThrow(
      /^Nothing is kept of this run: the browser had no room for it\. Delete it .*, and start it anew\.$/,
    );
  store.fault = undefined;
  await shelf.remove(id);
  expect(shelf.summaries()).toEqual([]);
});

it("goes back from the last growth alone: not from one that was planned, nor to what was before an earlier one", async () => {
  const { shelf, store, create, trainTo } = await opened({ growth: [{ step: 4, add: { query: 2 } }] });
  const id = await create();
  const request = { add: { key: 3 }, init: "zero-key" } as const;
  const ways = async () => {
    const { undoable, growths } = await shelf.view(id);
    return { undoable, growths: growths.map(({ step }) => step) };
  };
  await trainTo(id, 2);
  await shelf.grow(id, request);
  expect(await ways()).toEqual({ undoable: true, growths: [2] });
  // A growth that fails leaves the way back from the one before.
  const { keepUndo } = store;
  store.keepUndo = async (...given) => {
    await keepUndo(...given);
    faults.fail(1);
  };
  await expect(shelf.grow(id, request)).rejects.toThrow("injected");
  faults.mend();
  store.keepUndo = keepUndo;
  expect(await ways()).toEqual({ undoable: true, growths: [2] });
  await shelf.grow(id, request);
  // One that cannot be kept leaves all as it is.
  store.fault = new Error("no room");
  await expect(shelf.undo(id)).rejects.toThrow("The browser cannot store this run (no room): download it");
  store.fault = undefined;
  expect(await ways()).toEqual({ undoable: true, growths: [2, 2] });
  await shelf.undo(id);
  expect(await ways()).toEqual({ undoable: false, growths: [2] });
  await expect(shelf.undo(id)).rejects.toThrow("There is no growth to undo here");

  await shelf.grow(id, request);
  await trainTo(id, 5);
  await shelf.save(id);
  expect(await ways()).toEqual({ undoable: false, growths: [2, 2, 4] });
  await expect(shelf.undo(id)).rejects.toThrow("There is no growth to undo here");
  expect((await shelf.live(id)).live.step).toBe(5);
  await shelf.remove(id);
});

it("shows, hands out and undoes what another tab has kept since, though the run is on the device still as it was", async () => {
  const { shelf, open, create, trainTo } = await opened();
  const id = await create();
  await trainTo(id, 2);
  await shelf.save(id);
  const other = await open();
  const { live } = await other.live(id);
  while (live.step < 5) await live.advance();
  await other.grow(id, { add: { query: 3 }, init: "zero-key" });
  await other.save(id);
  const stepOf = async () => {
    const files = unzipSync(new Uint8Array(await (await shelf.archive(id)).arrayBuffer()));
    return JSON.parse(new TextDecoder().decode(files["training.json"])).step;
  };
  expect([(await shelf.view(id)).growths, await stepOf()]).toEqual([[], 2]);
  await shelf.refresh(id);
  expect(await shelf.view(id)).toEqual(await other.view(id));
  expect(await stepOf()).toBe(5);
  expect(await shelf.undo(id)).toMatchObject({ growths: [], undoable: false, summary: { step: 5 } });

  // What it has more than what it once kept can still be downloaded, as the visitor was told to.
  await trainTo(id, 7);
  await other.refresh(id);
  await other.rename(id, "b");
  await shelf.refresh(id);
  expect(await stepOf()).toBe(7);
  await other.goBack(id);
  await shelf.remove(id);
});

it("goes on after the end of its schedule, without opening the page anew", async () => {
  const { shelf, create, trainTo } = await opened();
  const id = await create();
  await trainTo(id, 12);
  const { live } = await shelf.live(id);
  while (await live.advance());
  // One that cannot be closed, on a device that is gone, is opened anew all the same.
  const close = live.close.bind(live);
  vi.spyOn(live, "close").mockImplementation(async () => {
    await close();
    throw new Error("the device is gone");
  });
  await shelf.goOn(id);
  await trainTo(id, 14);
  const on = await shelf.live(id);
  expect(on.live.step).toBe(14);
  await shelf.goOn(id);
  expect((await shelf.live(id)).live).toBe(on.live);
  await shelf.remove(id);
});

it("goes back to what is kept of a run that has diverged, which trains on from there", async () => {
  const { shelf, create, notices, trainTo } = await opened({}, memoryStore(), {
    learningRate: 1e3,
    warmup: 0,
    clip: 0,
  });
  const id = await create();
  await trainTo(id, 3);
  await shelf.save(id);
  expect(notices()).toEqual([
    expect.stringMatching(
      /^The loss of a is too high at the moment \(step 3: the loss on the next batch is .*\), so what was saved/,
    ),
  ]);
  const { live } = await shelf.live(id);
  expect(await shelf.goBack(id)).toBe(true);
  expect([shelf.unsaved, shelf.summary(id).step]).toEqual([[], 0]);
  const again = (await shelf.live(id)).live;
  expect(again).not.toBe(live);
  await trainTo(id, 1);
  expect(again.step).toBe(1);
  await shelf.remove(id);
});

it("takes no run without the tokenizer that it was trained with", async () => {
  const { shelf, create } = await opened();
  const id = await create();
  const files = unzipSync(new Uint8Array(await (await shelf.archive(id)).arrayBuffer()));
  const named = Object.entries(files).map(([name, data]) => ({ name, data: new Blob([data.slice()]) }));
  expect((await shelf.take("whole", named)).pieces).toBe("characters");
  const without = named.filter(({ name }) => name !== "tokenizer.json");
  await expect(shelf.take("without", without)).rejects.toThrow(
    "there is no tokenizer.json in it, which says what the run's tokens stand for; put the one",
  );
  for (const { id: run } of shelf.summaries()) await shelf.remove(run);
});

it("tells of a run that fails to be kept when all are, and keeps the others", async () => {
  const { shelf, create, notices, trainTo } = await opened();
  const ids = [await create(), await create()];
  for (const id of ids) await trainTo(id, 1);
  expect(shelf.unsaved).toEqual(ids);
  faults.fail(1);
  for (const id of ids) await shelf.saveIfPossible(id);
  faults.mend();
  expect(shelf.unsaved).toEqual(ids.slice(0, 1));
  expect(notices()).toEqual([expect.stringContaining("injected")]);
  for (const id of ids) await shelf.remove(id);
});

it("has a run that was made, or has grown, and tells it, though the device fails when it is to be kept", async () => {
  const { shelf, told, create, notices } = await opened();
  faults.mend();
  await shelf.remove(await create());
  // Without those of the removal: the last is of what is kept.
  faults.mend();
  const first = await create();
  const { requests } = faults;
  await shelf.remove(first);
  told.length = 0;
  faults.fail(requests);
  const id = await create();
  expect(faults.mend()).toBe(true);
  expect(told.map(({ type }) => type)).toEqual(["notice", "summary"]);
  expect(notices()).toEqual([expect.stringContaining("injected")]);
  expect([shelf.unsaved, shelf.summaries().map((summary) => summary.id)]).toEqual([[id], [id]]);

  const { parameters } = shelf.summary(id);
  await shelf.grow(id, { add: { key: 3 }, init: "zero-key" });
  faults.fail(1);
  const view = await shelf.changed(id);
  expect(faults.mend()).toBe(true);
  expect(view.growths).toHaveLength(1);
  expect(view.summary.parameters).toBeGreaterThan(parameters);
  expect(told.at(-1)).toEqual({ type: "changed", view });
  await shelf.saveIfPossible(id);
  expect(shelf.unsaved).toEqual([]);
  await shelf.remove(id);
});

it("offers no link of a run that was opened with another text than it began with, nor of its copies", async () => {
  const { shelf, create } = await opened({}, undefined, {}, pageConfig());
  const id = await create();
  expect(await shelf.view(id)).toMatchObject({ regrows: true, summary: { architecture: "transformer" } });
  const files = unzipSync(new Uint8Array(await (await shelf.archive(id)).arrayBuffer()));
  const whole = Object.entries(files).map(([name, data]) => ({ name, data: new Blob([data.slice()]) }));
  const own = { kind: "own", ...named } as const;
  const other = { ...own, text: `${text} ` };
  const views = [await shelf.take("a", whole), await shelf.take("b", whole, own), await shelf.take("c", whole, other)];
  views.push(await shelf.duplicate(views[2]?.summary.id ?? ""));
  // Where its own is not there, it is known by its name.
  const without = whole.filter(({ name }) => name !== "text.txt");
  views.push(await shelf.take("d", without, own), await shelf.take("e", without, { ...own, name: "dogs" }));
  expect(views.map(({ regrows }) => regrows)).toEqual([true, true, false, false, true, false]);
  for (const { id: run } of shelf.summaries()) await shelf.remove(run);
});

it("knows a bigram of the command line from a plain GPT", async () => {
  const { shelf, create } = await opened({}, undefined, {}, parseConfig({ model: { type: "bigram", context: 5 } }));
  const id = await create();
  expect(shelf.summary(id).architecture).toBe("bigram");
  await shelf.remove(id);
});

it("leaves a run that cannot be deleted as it was", async () => {
  const { shelf, store, told, create, trainTo } = await opened();
  const id = await create();
  await trainTo(id, 1);
  const { live } = await shelf.live(id);
  store.fault = new Error("locked");
  await expect(shelf.remove(id)).rejects.toThrow("locked");
  store.fault = undefined;
  expect(shelf.has(id)).toBe(true);
  expect((await shelf.live(id)).live).toBe(live);
  await trainTo(id, 2);
  await shelf.remove(id);
  expect(told.flatMap((event) => (event.type === "deleted" ? [event.run] : []))).toEqual([id]);
});
