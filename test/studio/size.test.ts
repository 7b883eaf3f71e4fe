/** What a first visit loads of our own, as hosts send it: compressed. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { BUILT } from "../support/browser.ts";

const ASSETS = join(BUILT, "assets");
const names = async () => (await readdir(ASSETS)).filter((name) => /\.(js|css)$/.test(name) && !name.startsWith("ort"));
const source = (name: string) => readFile(join(ASSETS, name), "utf8");

/**
 * The files that a visit loads before anything is clicked: those that the page names, its own program, what these import, and the
 * worker that they start. What is fetched later (the story, the loop, kernels for training) is named in calls of `import` alone.
 */
async function firstLoad(): Promise<string[]> {
  const all = await names();
  const page = await readFile(join(BUILT, "index.html"), "utf8");
  const waiting = all.filter((name) => page.includes(name) || name.startsWith("main-"));
  const loaded = new Set<string>();
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (loaded.has(name)) continue;
    loaded.add(name);
    const text = name.endsWith(".js") ? await source(name) : "";
    const named = /(?:(?:from|import)\s*["'`]\.\/|new Worker\(new URL\(new URL\(["'`])([\w.-]+\.js)["'`]/g;
    waiting.push(...[...text.matchAll(named)].map(([, file = ""]) => file).filter((file) => all.includes(file)));
  }
  return [...loaded];
}

it("is 306 kB of code at most, without the story and the encoder of loops", async () => {
  const loaded = await firstLoad();
  expect(loaded.filter((name) => /^(index|main|worker)-.*\.js$/.test(name))).toHaveLength(3);
  expect(loaded.some((name) => name.endsWith(".css"))).toBe(true);
  const later = (await names()).filter((name) => !loaded.includes(name));
  expect(later.some((name) => name.startsWith("learn-page-"))).toBe(true);
  expect(later.some((name) => name.startsWith("ring-loop-"))).toBe(true);
  const sizes = await Promise.all(loaded.map(async (name) => gzipSync(await source(name)).length));
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(306_000);
});
