/** The public interface, as it is committed: a change of it is seen, and made on purpose, with `npx vitest run test/interface.test.ts -u`. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { z } from "zod";
import { interfaceOf } from "./support/interface.ts";
import { loadedBy } from "./support/loaded.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const manifest = z
  .object({
    exports: z.record(z.string(), z.union([z.string(), z.object({ types: z.string(), default: z.string() })])),
  })
  .parse(JSON.parse(readFileSync(`${root}package.json`, "utf8")));

/** The library's doors; the lab's (benchmarks, reports, studies) are an application's. */
const entries = Object.entries(manifest.exports).flatMap(([path, target]) =>
  typeof target === "string" || /lab\//.test(target.types) ? [] : [{ path, ...target }],
);

/** Names that are values at most, at the root: what most programs need. */
const ROOT_LIMIT = 65;

it.each(entries)("of $path is what it was", async ({ path, types }) => {
  const name = path === "." ? "tokenformer" : path.slice(2);
  await expect(interfaceOf(`${root}${types}`)).toMatchFileSnapshot(`interface/${name}.txt`);
});

it("is small at the root, and has no schema", async () => {
  for (const { path, default: file } of entries) {
    const names = Object.keys(await import(`${root}${file}`));
    expect(names.length, path).toBeGreaterThan(0);
    if (path === "." || path === "./browser") expect(names.length, path).toBeLessThanOrEqual(ROOT_LIMIT);
    expect(
      names.filter((name) => /schema$/i.test(name)),
      path,
    ).toEqual([]);
  }
});

it("of tensors, layers, models and growth needs nothing of Node", () => {
  for (const name of ["tensor", "nn", "model", "growth"]) {
    const { packages } = loadedBy(`public/${name}.ts`);
    expect(
      [...packages].filter((used) => used.startsWith("node:") || used.startsWith("onnxruntime-node")),
      name,
    ).toEqual([]);
  }
});
