/** The built page, with its real engine, on a host without headers: what a visitor does, from the first click on. */

import { createReadStream } from "node:fs";
import { text as read } from "node:stream/consumers";
import { unzipSync } from "fflate";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeInBrowser, type StaticHost, startStaticHost, useBrowser } from "../support/browser.ts";

/** Choices so small that an update takes a few milliseconds, as an address that was shared. */
const SHARED = `#/new?${new URLSearchParams({
  layers: "1",
  heads: "2",
  width: "24",
  context: "24",
  attentionTokens: "16",
  feedForwardTokens: "40",
  batch: "4",
  learningRate: "0.003",
  seed: "5",
})}`;

const tile = (page: Page, name: string): Locator =>
  page.locator(".tile", { has: page.getByText(name, { exact: true }) }).locator("dd");
const number = async (shown: Locator) => Number((await shown.textContent())?.replaceAll(/[^\d.]/g, ""));
const button = (page: Page, name: string | RegExp) => page.getByRole("button", { name });

async function start(page: Page): Promise<void> {
  await button(page, "Start training").click();
  await page.locator(".run-head .status.training").waitFor();
}

/** Waits until a run has made so many more updates. */
async function trainOn(page: Page, updates: number): Promise<void> {
  const before = await number(tile(page, "Step"));
  await expect.poll(() => number(tile(page, "Step")), { timeout: 30_000 }).toBeGreaterThanOrEqual(before + updates);
}

describeInBrowser("the page", () => {
  const browser = useBrowser();
  let host: StaticHost;
  let hostOfAllCores: StaticHost;
  beforeAll(async () => {
    // Threads of a tiny model wait for each other longer than they work.
    host = await startStaticHost({ cores: 1 });
    hostOfAllCores = await startStaticHost();
  });
  afterAll(async () => {
    await host.close();
    await hostOfAllCores.close();
  });

  it("takes its choices from a shared address, trains, grows without a jump, and goes back", async () => {
    const page = await browser.open(hostOfAllCores.url + SHARED);
    await start(page);
    await page.getByRole("img", { name: /^Chart of nats per character/ }).waitFor();
    await trainOn(page, 60);
    const first = await number(tile(page, "Held-out loss"));
    await expect.poll(() => number(tile(page, "Held-out loss")), { timeout: 30_000 }).toBeLessThan(first - 0.2);
    await page.locator(".voice blockquote").waitFor();

    const parameters = await tile(page, "Parameters").textContent();
    await button(page, "Double it").click();
    const result = page.locator(".growth-result");
    await result.getByText("Nothing forgotten.").waitFor();
    const [before, after] = await result.locator("p.numbers").first().locator("b").allTextContents();
    expect(after).toBe(before);
    expect(await tile(page, "Parameters").textContent()).not.toBe(parameters);
    await trainOn(page, 20);
    expect(await number(tile(page, "Held-out loss"))).toBeLessThan(first);

    await button(page, "Undo this growth").click();
    await button(page, /^Go back$/).click();
    await expect.poll(() => tile(page, "Parameters").textContent()).toBe(parameters);
    await trainOn(page, 20);
  });

  it("writes and looks inside while it trains, and trains a plain GPT beside it", async () => {
    const page = await browser.open(host.url + SHARED);
    await start(page);
    await trainOn(page, 20);
    await page.getByRole("tab", { name: "Write" }).click();
    await button(page, "Write").click();
    const written = page.getByRole("region", { name: "What the model wrote" });
    await expect.poll(async () => (await written.textContent())?.length).toBeGreaterThan(60);
    await page.getByRole("tab", { name: "Look inside" }).click();
    await page.getByText(/^Seen at step/).waitFor();
    await page.getByText("Parameter tokens that each character uses").waitFor();
    await button(page, /^A plain GPT of/).click();
    await expect.poll(() => page.locator(".legend li").count()).toBe(2);
    await trainOn(page, 20);
    await button(page, "Pause").click();
    await page.locator(".run-head .status.paused").waitFor();
  });

  it("has its runs after a reload, goes on with them, hands them out and takes them back", async () => {
    const page = await browser.open(host.url + SHARED);
    await start(page);
    await trainOn(page, 20);
    await button(page, "Pause").click();
    await page.locator(".run-head .status.paused").waitFor();
    const step = await number(tile(page, "Step"));
    await page.reload();
    expect(await number(tile(page, "Step"))).toBe(step);
    await button(page, "Go on training").click();
    await trainOn(page, 20);
    // Loaded again while it trains, it goes on by itself.
    await page.reload();
    await page.locator(".run-head .status.training").waitFor();
    await trainOn(page, 5);
    await button(page, "Pause").click();
    await page.locator(".run-head .status.paused").waitFor();
    const trained = await number(tile(page, "Step"));
    expect(trained).toBeGreaterThanOrEqual(step + 5);

    const downloading = page.waitForEvent("download");
    await button(page, "Download").click();
    const zip = await (await downloading).path();
    expect(await read(createReadStream(zip, { encoding: "latin1", end: 1 }))).toBe("PK");
    await page.getByRole("link", { name: "All runs" }).click();
    const [choosing] = await Promise.all([page.waitForEvent("filechooser"), page.getByText("Open a zip").click()]);
    await choosing.setFiles({ name: "Whales.zip", mimeType: "application/zip", buffer: await bytesOf(zip) });
    await page.getByRole("heading", { level: 1, name: "Whales" }).waitFor();
    expect(await number(tile(page, "Step"))).toBe(trained);
    await button(page, "Go on training").click();
    await trainOn(page, 10);

    await page.getByRole("link", { name: "All runs" }).click();
    await button(page, "Delete Whales").click();
    await button(page, "Delete for good").click();
    await expect.poll(() => page.locator(".run-row").count()).toBe(1);
  });

  it("opens a model that has grown, which writes at once and goes on learning, and trains on each of its texts", async () => {
    const page = await browser.open(host.url);
    await button(page, "Open it: First names, grown").click();
    await page.getByRole("heading", { level: 1, name: "First names, grown" }).waitFor();
    await page.locator(".growth-result").getByText("Nothing forgotten.").waitFor();
    const said = page.locator(".voice figure", { hasText: "now, at step" }).locator("blockquote");
    const first = await said.textContent();
    await button(page, "Write something else").click();
    await expect.poll(() => said.textContent(), { timeout: 30_000 }).not.toBe(first);
    expect((await said.textContent())?.split(/\s+/).length).toBeGreaterThan(10);
    await button(page, "Go on training").click();
    await trainOn(page, 30);
    await button(page, "Pause").click();
    await page.goto(`${host.url}#/new?layers=1&heads=2&width=24&context=24&attentionTokens=16&feedForwardTokens=40`);
    for (const name of ["Tang quatrains", "A play by rules", "State of the Union", "TypeScript"]) {
      await page.getByText(name, { exact: true }).first().click();
      const parameters = page.locator(".estimate b").first();
      const before = await parameters.textContent();
      await expect.poll(() => parameters.textContent(), { timeout: 30_000 }).not.toBe(before);
    }
    await start(page);
    await trainOn(page, 5);
  });

  it("says what is wrong with a text, and with a number", async () => {
    const page = await browser.open(host.url);
    await page.getByText("Your own text").click();
    await page.locator(".own-text input[type=file]").setInputFiles({
      name: "photo.txt",
      mimeType: "text/plain",
      buffer: Buffer.from([0x89, 0x50, 0x4e, 0x47, 0xff, 0xfe, 0]),
    });
    await page.getByText("photo.txt is not plain text in UTF-8; save it as UTF-8 text, and choose it again.").waitFor();
    expect(await button(page, "Start training").isDisabled()).toBe(true);
    await page.getByText("Moby-Dick", { exact: true }).first().click();
    await page.getByText("More choices").click();
    const width = page.getByRole("spinbutton", { name: "Width" });
    await width.fill("");
    await page.locator(".field .wrong", { hasText: "Type a number." }).waitFor();
    await width.fill("30");
    await page.locator(".field .wrong", { hasText: "Type a number." }).waitFor({ state: "detached" });
    await page.locator(".field .wrong").first().waitFor();
    expect(await button(page, "Start training").isDisabled()).toBe(true);
  });

  it("learns the replies of conversations in lines of JSON, before and after a reload, and answers in them", async () => {
    const page = await browser.open(host.url + SHARED.replace("context=24", "context=48"));
    const conversation = (n: number) => ({
      messages: [
        { role: "user", content: `How many are ${n}?` },
        { role: "assistant", content: `They are ${n}, captain.` },
      ],
    });
    const lines = Array.from({ length: 200 }, (_, n) => JSON.stringify(conversation(n)));
    await page.getByText("Your own text").click();
    const file = (text: string) => ({ name: "talk.jsonl", mimeType: "text/plain", buffer: Buffer.from(text) });
    const choose = page.locator(".own-text input[type=file]");
    await choose.setInputFiles(file(`${lines.join("\n")}\n{"messages": []}\n`));
    await page.getByText(/completions and replies alone are learned/).waitFor();
    await button(page, "Start training").click();
    await page.getByText(/talk:201: messages: has none, expected at least one message/i).waitFor();
    await choose.setInputFiles(file(lines.join("\n")));
    await start(page);
    await trainOn(page, 30);
    // All that is learned is replies, which are the same but for a number.
    await expect.poll(() => number(tile(page, "Held-out loss")), { timeout: 60_000 }).toBeLessThan(2.5);
    await page.reload();
    await page.locator(".run-head .status.training").waitFor();
    await trainOn(page, 10);
    await page.getByRole("tab", { name: "Write" }).click();
    await page.getByRole("textbox", { name: "Your message" }).fill("How many are 7?");
    await button(page, "Send").click();
    await expect
      .poll(async () => (await page.locator(".conversation .assistant p").last().textContent())?.length)
      .toBeGreaterThan(3);

    // Or all of it: a choice that goes with the run.
    await button(page, "Pause").click();
    await page.locator(".run-head .status.paused").waitFor();
    await page.getByRole("link", { name: "All runs" }).click();
    await page.goto(host.url + SHARED.replace("context=24", "context=48"));
    await page.getByText("Your own text").click();
    await choose.setInputFiles(file(lines.join("\n")));
    await page.locator("summary", { hasText: "More choices" }).click();
    await page
      .getByLabel("What it learns of prompts and conversations")
      .selectOption({ label: "All: questions and prompts too" });
    await page.getByText(/all of them is learned/).waitFor();
    await start(page);
    const downloading = page.waitForEvent("download");
    await button(page, "Download").click();
    const files = unzipSync(await bytesOf(await (await downloading).path()));
    expect(JSON.parse(Buffer.from(files["training.json"] ?? []).toString())).toMatchObject({
      data: { name: "talk", files: { lossOn: "all" } },
    });
    expect(Buffer.from(files["text.jsonl"] ?? []).toString()).toBe(lines.join("\n"));
  });

  it("has one thread without shared memory, and says so", async () => {
    const page = await browser.open(hostOfAllCores.url + SHARED, { serviceWorkers: "block" });
    await page
      .getByRole("status")
      .getByText(/one thread only/)
      .waitFor();
    await start(page);
    await trainOn(page, 5);
  });
});

async function bytesOf(file: string): Promise<Buffer> {
  return Buffer.from(await read(createReadStream(file, { encoding: "latin1" })), "latin1");
}
