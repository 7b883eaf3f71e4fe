/** Threads on a host that sends no headers: a service worker adds them, after one more loading. */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { BUILT, describeInBrowser, type StaticHost, startStaticHost, useBrowser } from "../support/browser.ts";

describeInBrowser("a host without headers", () => {
  const browser = useBrowser();
  let host: StaticHost;
  beforeAll(async () => {
    host = await startStaticHost();
  });
  afterAll(() => host.close());

  const isolated = "window.crossOriginIsolated";
  const loads = () => host.asked().filter((path) => path === "/").length;

  it("gives an isolated page at the first visit, by loading once more, under a path", async () => {
    host.asked();
    const page = await browser.open(host.url);
    await page.waitForFunction(isolated);
    await page.locator("h1").first().waitFor();
    expect(loads()).toBe(2);
    await page.reload();
    expect(await page.evaluate(isolated)).toBe(true);
    await page.locator("h1").first().waitFor();
    expect(loads()).toBe(1);
  });

  it("gives the page without a network at the next visit", async () => {
    const page = await browser.open(host.url);
    await page.waitForFunction(isolated);
    await page.locator("h1").first().waitFor();
    // All parts are kept, those too that only training asks for.
    const own = (await readdir(join(BUILT, "assets"))).filter((name) => !/\.map$|^ort/.test(name));
    const kept = `caches.open("tokenformer-studio").then((cache) => cache.keys()).then((keys) => keys.map(({ url }) => url))`;
    const missing = async () => {
      const urls: string[] = await page.evaluate(kept);
      return [...own, "default.txt"].filter((name) => !urls.some((url) => url.endsWith(`/${name}`)));
    };
    await expect.poll(missing, { timeout: 20_000 }).toEqual([]);
    await page.context().setOffline(true);
    await page.reload();
    await page.locator("h1").first().waitFor();
    expect(await page.evaluate(isolated)).toBe(true);
  });

  it("gives a page that works where service workers are blocked, and loads it once", async () => {
    host.asked();
    const page = await browser.open(host.url, { serviceWorkers: "block" });
    await page.locator("h1").first().waitFor();
    expect(await page.evaluate(isolated)).toBe(false);
    expect(loads()).toBe(1);
  });

  it("gives a page that does not load for ever where the service worker does not help", async () => {
    const context = await browser.visitor();
    // As if the headers were lost on the way.
    await context.addInitScript("Object.defineProperty(window, 'crossOriginIsolated', { value: false })");
    host.asked();
    const page = await context.newPage();
    await page.goto(host.url);
    await page.locator("h1").first().waitFor();
    await page.waitForTimeout(300);
    expect(loads()).toBe(2);
    await page.reload();
    await page.locator("h1").first().waitFor();
    expect(loads()).toBe(1);
  });
});
