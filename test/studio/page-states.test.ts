/** The page on an engine that makes everything up: what a visitor does, and what axe finds. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import axe, { type AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeInBrowser, type StaticHost, startStaticHost, useBrowser } from "../support/browser.ts";

const STUDIO = fileURLToPath(new URL("../../studio/", import.meta.url));

/** The page with the made-up engine, as a folder of files. */
async function buildPage(folder: string): Promise<void> {
  await build({
    configFile: false,
    root: STUDIO,
    base: "./",
    logLevel: "error",
    build: {
      outDir: folder,
      target: "es2024",
      minify: false,
      rolldownOptions: { input: join(STUDIO, "test/page.html") },
    },
  });
}

describeInBrowser("the page", () => {
  const browser = useBrowser();
  let folder: string;
  let host: StaticHost;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tokenformer-page-"));
    await buildPage(folder);
    host = await startStaticHost("/studio", folder);
  });
  afterAll(async () => {
    await host.close();
    await rm(folder, { recursive: true });
  });

  const visit = async (query: Record<string, string> = {}, theme: "light" | "dark" = "light", width = 1280) => {
    const asked = new URLSearchParams({ pace: "30", startsIn: "0", ...query });
    const page = await browser.open(`${host.url}test/page.html?${asked}`, {
      colorScheme: theme,
      viewport: { width, height: 800 },
      reducedMotion: "reduce",
    });
    // Longer than a machine with much to do takes; a fault is told before the test's own limit.
    page.setDefaultTimeout(8000);
    return page;
  };
  const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
  const tile = (page: Page, name: string) => page.locator(".tile", { hasText: name }).locator("dd");
  const start = async (page: Page) => {
    await button(page, "Start training").click();
    await page.locator("blockquote").waitFor();
  };

  it("starts a run in one click, grows it, goes back, and finds it in the list", async () => {
    const page = await visit();
    await start(page);
    const before = await tile(page, "Parameters").textContent();
    await button(page, "Grow").click();
    await page.getByText("Nothing forgotten.").waitFor();
    expect(await tile(page, "Parameters").textContent()).not.toBe(before);
    await button(page, "Undo this growth").click();
    await page.getByText("Nothing forgotten.").waitFor({ state: "detached" });
    expect(await tile(page, "Parameters").textContent()).toBe(before);
    await page.getByRole("link", { name: "All runs" }).click();
    await page.getByRole("link", { name: "Moby-Dick, small" }).waitFor();
    await button(page, "Delete Moby-Dick, small").click();
    await button(page, "Delete for good").click();
    await page.getByText("None yet.").waitFor();
  });

  it("draws a run that is compared on the same axes, over what both have cost", async () => {
    const page = await visit();
    await start(page);
    await button(page, "The same size from scratch").click();
    await page.getByRole("link", { name: "Moby-Dick, small, from scratch" }).waitFor();
    expect(await page.getByRole("combobox", { name: "Across" }).inputValue()).toBe("flops");
    expect(await page.locator(".curves .chart").getAttribute("aria-label")).toContain("from scratch: training loss");
  });

  it("writes on from a prompt until it is stopped", async () => {
    const page = await visit();
    await start(page);
    await page.getByRole("tab", { name: "Write" }).click();
    await page.getByLabel("The text to go on from").fill("Once ");
    await button(page, "Write").click();
    await page.getByText("Once the whale was").waitFor();
    await button(page, "Stop").click();
    await button(page, "Write").waitFor();
    expect((await page.locator(".written").textContent())?.length).toBeLessThan(300);
  });

  it("says at their fields what is wrong with the choices, and does not start", async () => {
    const page = await visit();
    await page.getByText("More choices").click();
    await page.getByLabel("Heads", { exact: true }).fill("5");
    await page.getByText("A width of 128 does not divide by 5 heads.").waitFor();
    expect(await button(page, "Start training").isDisabled()).toBe(true);
  });

  it("tells why a text cannot be learnt from", async () => {
    const page = await visit();
    await page.getByText("Your own text").click();
    await page.getByLabel("Your text").fill("Too short.");
    await page.getByText("This text has 10 characters;").waitFor();
    const data = { name: "photo.jpg", mimeType: "image/jpeg", buffer: Buffer.from([0xff, 0xd8, 0xff, 0xe0]) };
    await page.getByLabel("Choose a file").setInputFiles(data);
    await page.getByText("photo.jpg is not plain text in UTF-8").waitFor();
  });

  it("takes the choices of a link", async () => {
    const page = await visit();
    await page.goto(`${page.url()}#/new?layers=3&width=96&nonsense=7&batch=many`);
    await page.getByText("More choices").click();
    expect(await page.getByLabel("Layers", { exact: true }).inputValue()).toBe("3");
    expect(await page.getByLabel("Width", { exact: true }).inputValue()).toBe("96");
    expect(await page.getByLabel("Batch", { exact: true }).inputValue()).toBe("12");
  });

  const states: Readonly<Record<string, { query?: Record<string, string>; act?: (page: Page) => Promise<void> }>> = {
    "the first screen with all choices": { act: (page) => page.getByText("More choices").click() },
    "a run that has grown": {
      act: async (page) => {
        await start(page);
        await button(page, "Grow").click();
        await page.getByText("Nothing forgotten.").waitFor();
      },
    },
    "the inside of a model": {
      act: async (page) => {
        await start(page);
        await page.getByRole("tab", { name: "Look inside" }).click();
        await page.getByText("Parameter tokens that each token uses").waitFor();
      },
    },
    "a run that has failed": {
      query: { trainingFails: "The tab ran out of memory. Start a smaller run." },
      act: async (page) => {
        await button(page, "Start training").click();
        await page.getByRole("alert").waitFor();
      },
    },
    "a page that cannot start": {
      query: { openFails: "This browser has no WebAssembly." },
      act: (page) => page.getByText("This browser has no WebAssembly.").waitFor(),
    },
  };
  const looks = [
    ["light", 1280],
    ["dark", 390],
  ] as const;

  it.each(
    Object.entries(states).flatMap(([name, state]) =>
      looks.map(([theme, width]) => ({ name, ...state, theme, width })),
    ),
  )("has nothing for axe to find in $name, $theme, $width wide", async ({ query, act, theme, width }) => {
    const page = await visit(query, theme, width);
    await page.locator("h1").waitFor();
    await act?.(page);
    await page.evaluate(axe.source);
    const { violations }: AxeResults = await page.evaluate("axe.run()");
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)).toEqual([]);
    const overflow = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth");
    expect(overflow).toBeLessThanOrEqual(0);
  });
});
