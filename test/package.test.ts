/** What is published: the library, the command line and the page, without what other packages bring. */

import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, expect, it } from "vitest";
import { z } from "zod";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Bytes on a user's disk at most, unpacked. */
const LIMIT = 5_000_000;

const packedSchema = z.tuple([
  z.object({ unpackedSize: z.int(), files: z.array(z.object({ path: z.string(), size: z.int() })) }),
]);
let unpackedSize = 0;
const paths = new Set<string>();

beforeAll(async () => {
  const { stdout } = await promisify(execFile)("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: root,
    maxBuffer: 2 ** 24,
    shell: process.platform === "win32",
  });
  const [packed] = packedSchema.parse(JSON.parse(stdout));
  unpackedSize = packed.unpackedSize;
  for (const { path } of packed.files) paths.add(path);
});

it("is of 5 MB at most", () => {
  expect(unpackedSize).toBeGreaterThan(1_000_000);
  expect(unpackedSize).toBeLessThanOrEqual(LIMIT);
});

it("has each module with its types", () => {
  const modules = readdirSync(`${root}src`, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.replaceAll("\\", "/").replace(/\.ts$/, ""));
  const wanted = modules.flatMap((name) => [`dist/${name}.js`, `dist/${name}.d.ts`]);
  expect(wanted.filter((path) => !paths.has(path))).toEqual([]);
});

it("has nothing but modules, their types, the page and what npm always takes", () => {
  const known =
    /^(dist\/.+\.(js|d\.ts)|dist\/studio\/(index\.html|assets\/[\w.-]+\.(js|css|svg))|package\.json|README\.md|LICENSE)$/;
  expect([...paths].filter((path) => !known.test(path))).toEqual([]);
  if (existsSync(`${root}dist/studio/index.html`)) expect(paths).toContain("dist/studio/index.html");
});
