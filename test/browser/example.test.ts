/** The example of a worker in a browser, built and served by Vite as its readers do. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type PreviewServer, preview } from "vite";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeInBrowser, useBrowser } from "../support/browser.ts";

const root = fileURLToPath(new URL("../../examples/browser/", import.meta.url));
const library = fileURLToPath(new URL("../../dist/browser.js", import.meta.url));

let folder = "";
let server: PreviewServer | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tokenformer-example-"));
  const common = {
    root,
    configFile: join(root, "vite.config.ts"),
    logLevel: "error",
    build: { outDir: folder },
  } as const;
  // Outside of this repository, the name of the package leads there.
  await build({ ...common, resolve: { alias: { "tokenformer/browser": library } } });
  server = await preview({ ...common, preview: { port: 0, host: "127.0.0.1" } });
});

afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true });
});

describeInBrowser("the example of a worker", () => {
  // As visitors' browsers do, and those of other tests do not, it optimises what runs often.
  const { open } = useBrowser(["--disable-gpu", "--js-flags="]);

  it("trains in the worker, grows and writes", async () => {
    const [url] = server?.resolvedUrls?.local ?? [];
    if (url === undefined) throw new Error("the page is served nowhere");
    const page = await open(url);
    await page.getByText("(end)").waitFor();
    const said = (await page.locator("pre").textContent()) ?? "";
    const losses = [...said.matchAll(/^step (\d+): loss (\d+\.\d+)$/gm)].map(([, step, loss]) => [
      Number(step),
      Number(loss),
    ]);
    expect(losses.map(([step]) => step)).toEqual([20, 40, 60]);
    expect(losses.at(-1)?.[1]).toBeLessThan(losses[0]?.[1] ?? 0);
    expect(said).toContain("grown: feedForward 64 → 128 tokens");
    expect(said).toMatch(/\n.{40}\n\(end\)\n?$/s);
  });
});
