/** What can go wrong in a browser: each told in one sentence that says what to do, and no run is lost. */

import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { describeInBrowser, SOFTWARE_GPU, useBrowser } from "../support/browser.ts";
import { type EnginePage, enginePage, TINY_CHOICES, useEnginePage } from "../support/engine-page.ts";

/** One sentence that names a thing to do. */
const ADVICE = /^[A-Z"“][^\n]*(: |; |, so )[^\n]*\.?$/;

const STORAGE = 5_000_000;

/** The browser looks at the limit once in a while only, so it has to be there from the start. */
async function limitStorage(page: Page, origin: string): Promise<void> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: STORAGE });
}

/** Puts things beside the runs until there is no more room. Noise, as the browser counts what is left of it after compression. */
const FILL = `new Promise((resolve, reject) => {
  const opening = indexedDB.open("others");
  opening.onupgradeneeded = () => opening.result.createObjectStore("things", { autoIncrement: true });
  opening.onerror = reject;
  opening.onsuccess = () => {
    let puts = 0;
    const put = () => {
      const transaction = opening.result.transaction("things", "readwrite");
      transaction.objectStore("things").put(crypto.getRandomValues(new Uint8Array(65536)));
      transaction.oncomplete = () => (++puts < 200 ? put() : reject(new Error("there is no limit")));
      transaction.onabort = () => resolve(puts);
    };
    put();
  };
})`;

/** The step of the run in the zip that a visitor downloads. */
function exportedStep({ page }: EnginePage, run: string): Promise<unknown> {
  return page.evaluate(
    `engine.exportRun("${run}").then((zip) => zip.text()).then((text) => Number(/"step": ?(\\d+)/.exec(text)[1]))`,
  );
}

async function notice({ waitFor, told }: EnginePage): Promise<string> {
  await waitFor(`events.some(({ type }) => type === "notice")`);
  return (await told("notice"))[0]?.message ?? "";
}

describeInBrowser("a browser", () => {
  const browser = useBrowser(SOFTWARE_GPU);
  const { open, shared } = useEnginePage(browser);

  it("without shared memory trains with one thread, and says why", async () => {
    const { environment, call, trainTo } = await open("wasm", { cores: 2, bare: true, serviceWorkers: "block" });
    expect(environment).toMatchObject({ backend: "wasm", device: "WebAssembly, 1 thread" });
    expect(environment.notices).toEqual([
      expect.stringMatching(/one thread only.*: open it in a normal window, or over https\.$/),
    ]);
    const { summary } = await call("create", TINY_CHOICES);
    expect((await trainTo(summary.id, 10)).training.length).toBeGreaterThan(0);
  });

  it("whose storage is full trains on, and keeps what it had kept", async () => {
    const opened = await open("wasm", { prepare: limitStorage });
    const { page, call, trainTo } = opened;
    const { summary } = await call("create", TINY_CHOICES);
    const { summary: kept } = await trainTo(summary.id, 10);
    await page.evaluate(FILL);
    const { summary: after } = await trainTo(summary.id, kept.step + 10);
    const message = await notice(opened);
    expect(message).toMatch(ADVICE);
    expect(message).toMatch(/^The browser's storage is full.*download it, or delete runs/);
    expect(await call("view", summary.id)).toMatchObject({ summary: { step: after.step, status: { kind: "paused" } } });
    await expect(call("grow", summary.id, { add: { query: 8 }, init: "zero-key" })).rejects.toThrow(
      /: It did not grow.*storage is full/,
    );
    expect(await exportedStep(opened, summary.id)).toBe(after.step);
    expect(await call("view", summary.id)).toMatchObject({ growths: [], summary: { parameters: kept.parameters } });
    await page.reload();
    const again = await enginePage(page, "wasm");
    expect(await again.call("runs")).toMatchObject([{ id: summary.id, step: kept.step }]);
    // A run of which nothing could be kept is handed out from memory.
    const unkept = await again.call("create", { ...TINY_CHOICES, name: "never kept" });
    expect(await exportedStep(again, unkept.summary.id)).toBe(0);
    const { summary: trained } = await again.trainTo(unkept.summary.id, 3);
    expect(await exportedStep(again, unkept.summary.id)).toBe(trained.step);
    const { summary: lost } = await again.call("create", { ...TINY_CHOICES, name: "lost", learningRate: 1e4 });
    await again.call("start", lost.id);
    await again.waitFor(
      `events.some(({ summary }) => summary?.id === "${lost.id}" && summary.status.kind === "failed")`,
    );
    const { status } = (await again.call("view", lost.id)).summary;
    expect(status.kind === "failed" && status.message).toMatch(
      /^Its loss is too high \(.*, and nothing of it was saved/,
    );
  });

  it("in which a run has diverged has what was saved of it, from which it can try again", async () => {
    const { call, told, waitFor } = await shared();
    const { summary } = await call("create", { ...TINY_CHOICES, learningRate: 1e4 });
    const { id } = summary;
    await call("start", id);
    const failed = `events.filter(({ type, summary }) => type === "summary" && summary.id === "${id}" && summary.status.kind === "failed")`;
    await waitFor(`${failed}.length === 1`);
    const view = await call("view", id);
    expect(view).toMatchObject({ training: [], summary: { step: 0, status: { kind: "failed" } } });
    const { status } = view.summary;
    expect(status.kind === "failed" && status.message).toMatch(
      /^Its loss is too high \(step \d+: .*trying again goes on/,
    );
    expect((await told("changed")).at(-1)?.view).toMatchObject({ training: [], summary: { id, step: 0 } });
    await call("start", id);
    await waitFor(`${failed}.length === 2`);
    const tried = (await told("training"))
      .filter(({ run }) => run === id)
      .map(({ points: [point] }) => point?.step ?? 0);
    expect(tried.filter((step, index) => step <= (tried[index - 1] ?? 0)).length).toBeGreaterThan(0);
    await call("remove", id);
  });

  it("whose GPU is software is better off with WebAssembly", async () => {
    const { page, environment } = await open();
    expect(environment.backend).toBe("wasm");
    expect(await page.evaluate(`engine.open("auto").then(({ backend }) => backend)`)).toBe("wasm");
  });

  it("whose GPU is lost goes on with WebAssembly from what was kept", async () => {
    const opened = await open("webgpu");
    const { page, call, environment, reached } = opened;
    expect(environment).toMatchObject({ backend: "webgpu", device: expect.stringMatching(/swiftshader/i) });
    // A GPU in software takes seconds for an update of a larger one.
    const small = { architecture: "transformer", layers: 1, width: 8, context: 8, batch: 2 } as const;
    const { summary } = await call("create", { ...TINY_CHOICES, ...small });
    await call("start", summary.id);
    await reached(summary.id, 2);
    await call("save");
    const { step: kept } = (await call("view", summary.id)).summary;
    expect(await page.evaluate("engine.loseGpu()")).toBeGreaterThan(0);
    const message = await notice(opened);
    expect(message).toMatch(ADVICE);
    expect(message).toMatch(/^The GPU was lost.*reload the page/);
    expect(await opened.told("environment")).toMatchObject([{ environment: { backend: "wasm" } }]);
    await reached(summary.id, kept + 5);
    await call("pause", summary.id);
    const { training } = await call("view", summary.id);
    expect(training.map(({ step }) => step)).toEqual(
      [...new Set(training.map(({ step }) => step))].toSorted((a, b) => a - b),
    );
  });

  it("is given texts and runs that cannot be used, and says what to do instead", async () => {
    const { page, call } = await shared();
    const create = (text: string) => call("create", { ...TINY_CHOICES, text: { kind: "own", name: "mine.txt", text } });
    for (const text of ["", "a", "too short a text"])
      await expect(create(text), text).rejects.toThrow(/text.*;|text.*,/);
    const importing = (bytes: string) => page.evaluate(`engine.importRun("x", new Blob([${bytes}]))`);
    await expect(importing('"no zip"')).rejects.toThrow(
      /not a zip that can be read.*; download the run again, or choose its folder/,
    );
    await expect(
      page.evaluate(`engine.importRun("x", [{ name: "notes.txt", data: new Blob(["hello"]) }])`),
    ).rejects.toThrow(/no config\.json in it; choose/);
    await expect(
      page.evaluate(`engine.importRun("x", [{ name: "config.json", data: new Blob(["{"]) }])`),
    ).rejects.toThrow(/config\.json/);
    const { complaints } = await call("estimate", { ...TINY_CHOICES, width: 25, learningRate: -1 });
    expect(complaints.map(({ field }) => field).toSorted()).toEqual(["heads", "learningRate"]);
    expect(await call("runs")).toEqual([]);
  });

  it("that hides the page goes on", async () => {
    const { page, call, reached } = await shared();
    const { summary } = await call("create", TINY_CHOICES);
    await call("start", summary.id);
    await reached(summary.id, 5);
    const other = await page.context().newPage();
    await other.bringToFront();
    const { step } = (await call("view", summary.id)).summary;
    await reached(summary.id, step + 20);
    await call("pause", summary.id);
    await other.close();
  });
});
