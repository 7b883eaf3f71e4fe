/** The studio's engine as it is opened, and what other tabs ask of it, where something of that fails. */

import type { Device } from "tokenformer/browser";
import { expect, it, vi } from "vitest";
import type { EngineEvent, RunSummary } from "../../studio/src/engine/api.ts";
import { StudioEngine } from "../../studio/src/engine/engine.ts";
import { Store } from "../../studio/src/engine/store.ts";
import { Tabs, type TabsOptions } from "../../studio/src/engine/tabs.ts";

const closed: string[] = [];
let devices = 0;

vi.mock("../../studio/src/engine/device.ts", () => ({
  openBackend: async () => {
    const name = `device ${++devices}`;
    const device: Pick<Device, "close"> = { close: async () => void closed.push(name) };
    return { device, environment: { backend: "wasm", device: name, notices: [] } };
  },
}));

const summary: RunSummary = {
  ...{ id: "a", name: "a", architecture: "transformer", textName: "cats", parameters: 5, step: 2, changed: 0 },
  status: { kind: "paused" },
};

/** A store and tabs that fail as they are told to, and do nothing. */
function stubbed() {
  const store = Object.assign(Object.create(Store.prototype), {
    runs: async () => [{ ...summary, vocabulary: 3, trainTokens: 5, validationTokens: 7 }],
    run: async () => Promise.reject(new Error("unreadable")),
    hasUndo: async () => Promise.reject(new Error("unreadable")),
    state: async () => Promise.reject(new Error("unreadable")),
    close: () => closed.push("store"),
  });
  const given: TabsOptions[] = [];
  const nothing = () => undefined;
  const others = { tell: nothing, watch: nothing, isElsewhere: () => false, close: () => closed.push("tabs") };
  const opening = {
    store: vi.spyOn(Store, "open").mockImplementation(async () => store),
    tabs: vi.spyOn(Tabs, "open").mockImplementation(async (options) => {
      given.push(options);
      return Object.assign(Object.create(Tabs.prototype), others);
    }),
  };
  return { store, opening, given };
}

it("closes what it has opened where the rest cannot be, and what was there where it is opened once more", async () => {
  const { store, opening } = stubbed();
  const engine = new StudioEngine();
  const full = new Error("full");
  const opened: string[][] = [];
  const attempt = async (failing: { mockRejectedValueOnce(error: Error): unknown }) => {
    failing.mockRejectedValueOnce(full);
    await expect(engine.open("auto")).rejects.toThrow(full);
    opened.push(closed.splice(0));
  };
  await attempt(opening.store);
  await attempt(vi.spyOn(store, "runs"));
  await attempt(opening.tabs);
  expect(opened).toEqual([["device 1"], ["store", "device 2"], ["store", "device 3"]]);
  await engine.open("auto");
  expect(closed).toEqual([]);
  // One that fails leaves the one before.
  await attempt(opening.store);
  expect(opened.at(-1)).toEqual(["device 5"]);
  expect(await engine.runs()).toMatchObject([{ id: "a" }]);
  await engine.open("auto");
  expect(closed.splice(0)).toEqual(["tabs", "store", "device 4"]);
});

it("tells what fails of what other tabs tell and ask, and hands on what they tell all the same", async () => {
  const { given } = stubbed();
  const engine = new StudioEngine();
  await engine.open("auto");
  const told: EngineEvent[] = [];
  await engine.listen((event) => told.push(event));
  const notice = { type: "notice", message: expect.stringContaining("unreadable") };
  const [tabs] = given;
  tabs?.heard({ type: "summary", summary: { ...summary, step: 9 } });
  await expect.poll(() => told.splice(0)).toEqual([notice, { type: "summary", summary: { ...summary, step: 9 } }]);
  tabs?.freed("a");
  await expect
    .poll(() => told.splice(0))
    .toEqual([notice, { type: "summary", summary: expect.objectContaining({ id: "a" }) }]);
  tabs?.asked("a");
  await expect.poll(() => told.splice(0)).toEqual([notice]);
});
