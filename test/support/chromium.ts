/** The library in headless Chromium: bundled by Vite as a page's worker would be, served on this machine alone. */

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll } from "vitest";
import type { Answer, Scenarios } from "../browser/worker.ts";
import { CHROMIUM, FLAGS } from "./chromium-program.ts";

const folder = fileURLToPath(new URL("../browser/", import.meta.url));
const built = fileURLToPath(new URL("../../dist/", import.meta.url));

const SOFTWARE_GPU = [
  // A GPU in software, in the same process for all pages.
  "--use-webgpu-adapter=swiftshader",
  "--enable-unsafe-webgpu",
];

/** A chunk or an asset of a bundle. */
export interface BundleFile {
  readonly name: string;
  readonly contents: string | Uint8Array;
}

/** Bundles the page with its worker. */
export async function bundle(): Promise<BundleFile[]> {
  const made = await build({
    configFile: false,
    logLevel: "error",
    root: folder,
    base: "./",
    resolve: { alias: [{ find: /^(?:\.\.\/)+src\/(.*)\.ts$/, replacement: `${built}$1.js` }] },
    build: { write: false, target: "esnext", rolldownOptions: { input: `${folder}page.html` } },
    worker: { format: "es" },
  });
  const [only] = Array.isArray(made) ? made : [made];
  if (only === undefined || !("output" in only)) throw new Error("the bundler gave no output");
  return only.output.map((file) => ({
    name: file.fileName,
    contents: file.type === "asset" ? file.source : file.code,
  }));
}

/** Opens Chromium before the tests of the file, with the page of this folder: cross-origin isolated, and not. */
export function useChromium(files: () => readonly BundleFile[]) {
  let browser: Browser | undefined;
  const servers: Server[] = [];
  const pages: Page[] = [];
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--headless", ...FLAGS, ...SOFTWARE_GPU] });
    for (const isolated of [true, false]) {
      const server = await serve(files(), isolated);
      servers.push(server);
      pages.push(await openPage(browser, server));
    }
  });
  afterAll(async () => {
    await browser?.close();
    for (const server of servers) server.close();
  });
  const opened = (index: number) => {
    const page = pages[index];
    if (page === undefined) throw new Error("the page is opened before the first test, not before that");
    return page;
  };
  return { page: () => opened(0), barePage: () => opened(1) };
}

/** Serves files, and the page of this folder, on this machine alone. */
async function serve(files: readonly BundleFile[], isolated: boolean): Promise<Server> {
  const contents = new Map(files.map((file) => [`/${file.name}`, file.contents]));
  const server = createServer(({ url = "" }, response) => {
    const body = contents.get(url);
    response.writeHead(body === undefined ? 404 : 200, {
      "content-type": types[extname(url)] ?? "text/html",
      ...(isolated && {
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
      }),
    });
    response.end(body);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server;
}

const types: Readonly<Record<string, string>> = { ".js": "text/javascript", ".wasm": "application/wasm" };

async function openPage(browser: Browser, server: Server): Promise<Page> {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${address.port}/page.html`);
  return page;
}

/**
 * Does a scenario in a web worker of a page.
 * @param worker which: one that has been used, or else a new one of that name
 */
export async function ask<Name extends keyof Scenarios>(
  page: Page,
  name: Name,
  given: Parameters<Scenarios[Name]>[0],
  worker: string = name,
): Promise<Awaited<ReturnType<Scenarios[Name]>>> {
  const answer: Answer = await page.evaluate(`ask(${JSON.stringify([worker, name, given])})`);
  if ("error" in answer) throw new Error(answer.error);
  // The worker's types pair each scenario with its answer.
  return answer.answer as Awaited<ReturnType<Scenarios[Name]>>;
}
