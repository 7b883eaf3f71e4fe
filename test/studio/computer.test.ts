/** Runs on this computer, in the page that `tokenformer studio` serves. */

import { appendFile, cp, readFile, rm } from "node:fs/promises";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { BUILT, describeInBrowser, useBrowser } from "../support/browser.ts";
import { useStudioServer } from "../support/studio-server.ts";

/** A line of metrics, as a run writes it after an update. */
function recordLine(step: number, loss: number): string {
  const measured = { tokens: 1, flops: 1, seconds: 1, learningRate: 0.1, gradientNorm: 1, tokensPerSecond: 31 };
  return `${JSON.stringify({ step, loss, ...measured })}\n`;
}

describeInBrowser("runs on this computer", () => {
  const browser = useBrowser();
  const { at, port, answer } = useStudioServer(undefined, BUILT);
  const visit = () => browser.open(`http://127.0.0.1:${port()}/`);
  const section = (page: Page) => page.getByRole("region", { name: "On this computer" });

  it("are listed, with losses that are drawn as they come", async () => {
    const page = await visit();
    await section(page).getByText("runs/first").waitFor();
    const losses = section(page).getByRole("button", { name: "Losses of runs/first" });
    if ((await losses.getAttribute("aria-expanded")) === "false") await losses.click();
    await section(page)
      .getByText(/^Step \d+: training loss/)
      .waitFor();
    await appendFile(at("runs/first/metrics.jsonl"), recordLine(977, 1.25));
    await section(page)
      .getByText(/^Step 977: training loss 1.250/)
      .waitFor();
  });

  it("are followed in one stream, however many there are, so that the page can ask for more", async () => {
    const names = Array.from({ length: 7 }, (_, index) => `runs/copy-${index}`);
    for (const name of names) await cp(at("runs/first"), at(name), { recursive: true });
    const page = await visit();
    await page.evaluate(`
      globalThis.streams = [];
      globalThis.EventSource = class extends EventSource {
        constructor(address) {
          super(address);
          streams.push(this);
        }
      };`);
    for (const name of names) {
      const losses = section(page).getByRole("button", { name: `Losses of ${name}` });
      await losses.waitFor();
      // By themselves they are shown for as long as the run seems to train; after a click until another.
      if ((await losses.getAttribute("aria-expanded")) === "true") await losses.click();
      await losses.click();
    }
    for (const name of names)
      await section(page)
        .locator(".run-row", { hasText: name })
        .getByText(/^Step \d+: training loss/)
        .waitFor();
    expect(await page.evaluate("fetch('api/runs').then(({ ok }) => ok)")).toBe(true);
    await appendFile(at("runs/copy-5/metrics.jsonl"), recordLine(978, 1.5));
    await section(page)
      .getByText(/^Step 978: training loss 1.500/)
      .waitFor();
    const show = (hidden: boolean) =>
      page.evaluate(`(() => {
      Object.defineProperty(document, "hidden", { value: ${hidden}, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    })()`);
    const isOpen = () => page.evaluate("streams.some(({ readyState }) => readyState !== EventSource.CLOSED)");
    expect(await isOpen()).toBe(true);
    // Of many tabs of a browser, those that nobody sees keep none of its connections.
    await show(true);
    await expect.poll(isOpen).toBe(false);
    await appendFile(at("runs/copy-5/metrics.jsonl"), recordLine(979, 1.5));
    await show(false);
    await section(page)
      .getByText(/^Step 979: training loss 1.500/)
      .waitFor();
    for (const name of names) await rm(at(name), { recursive: true });
  });

  it("are copied into the page where they are branched, once for each checkpoint", async () => {
    const page = await visit();
    await section(page).getByText("runs/first").waitFor();
    // Saved again since it was listed: the copy is of what is there.
    await answer("train", "--resume", "--out", "runs/first", "--data", "text.txt", "--set", "training.steps=9");
    const open = section(page).getByRole("button", { name: "Branch a copy of runs/first here" });
    await open.click();
    await page.getByRole("heading", { level: 1, name: "runs/first, branched at step 9" }).waitFor();
    const copy = page.url();
    await page.getByRole("link", { name: "All runs" }).click();
    await open.click();
    await page.waitForURL(copy);
    await answer("train", "--resume", "--out", "runs/first", "--data", "text.txt", "--set", "training.steps=11");
    await page.getByRole("link", { name: "All runs" }).click();
    await open.click();
    await page.waitForURL((address) => address.hash.startsWith("#/run/") && address.href !== copy);
  });

  it("are said to be gone where they are", async () => {
    const page = await visit();
    await page.goto(`http://127.0.0.1:${port()}/#/computer/nothing`);
    await page.getByRole("heading", { level: 1, name: "That run is not here." }).waitFor();
    await page.getByText("It may have been moved or deleted").waitFor();
  });

  it("ask for their text where it is not there any more", async () => {
    const text = await readFile(at("text.txt"));
    await rm(at("text.txt"));
    const page = await visit();
    await section(page).getByRole("button", { name: "Branch a copy of runs/first here" }).click();
    await page.getByRole("status").getByText("choose that text too").waitFor();
    const file = { name: "text.txt", mimeType: "text/plain", buffer: text };
    await section(page).getByLabel("Open it with a text file").setInputFiles(file);
    await page.getByRole("heading", { level: 1, name: /^runs\/first, branched/ }).waitFor();
  });
});

describeInBrowser("a run that the command names", () => {
  const browser = useBrowser();
  const { at, port } = useStudioServer("runs/first", BUILT);

  it("is followed as it goes, and branched where that is asked for", async () => {
    const page = await browser.open(`http://127.0.0.1:${port()}/`);
    await page.getByRole("heading", { level: 1, name: "runs/first" }).waitFor();
    await appendFile(at("runs/first/metrics.jsonl"), recordLine(977, 1.25));
    await page.getByText(/^Step 977: training loss 1.250/).waitFor();
    await page.getByRole("button", { name: "Branch a copy of runs/first here" }).click();
    await page.getByRole("heading", { level: 1, name: /^runs\/first, branched at step/ }).waitFor();
  });
});
