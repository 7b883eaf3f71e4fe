/** What a first visit loads of our own, as hosts send it: compressed. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { BUILT } from "../support/browser.ts";

it("is less than half a megabyte of code", async () => {
  const assets = (await readdir(join(BUILT, "assets"))).filter((name) => /\.(js|css)$/.test(name));
  // ONNX Runtime's own code is there too, of which each browser loads one kind.
  const own = assets.filter((name) => !name.startsWith("ort"));
  expect(own.length).toBeGreaterThan(2);
  const sizes = await Promise.all(
    own.map(async (name) => gzipSync(await readFile(join(BUILT, "assets", name))).length),
  );
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(500_000);
});
