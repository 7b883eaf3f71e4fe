/** Debian's Chromium, driven by Playwright, for the tests of a file. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, it } from "vitest";
import { type Listening, listen } from "../../src/http/index.ts";
import { CHROMIUM, FLAGS, hasChromium } from "./chromium-program.ts";

/** The page as the build makes it. */
export const BUILT = fileURLToPath(new URL("../../dist/studio/", import.meta.url));

/** WebGPU on the software driver that comes with Chromium. */
export const SOFTWARE_GPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"];

/** Tests in a browser; skipped, and said to be, where there is none. */
export function describeInBrowser(name: string, tests: () => void): void {
  if (hasChromium) describe(name, tests);
  else it(name, ({ skip }) => skip(`there is no ${CHROMIUM}: install Debian's chromium package`));
}

export interface TestBrowser {
  /** A visitor with storage of their own, that ends with the test, or else with the file. */
  visitor(options?: BrowserContextOptions, endsWith?: "test" | "file"): Promise<BrowserContext>;
  /** A page of a new visitor at an address. Faults of the page's scripts fail the test. */
  open(url: string, options?: BrowserContextOptions): Promise<Page>;
}

declare global {
  /** Browsers by their flags, which files of tests in this process share. They end with the process. */
  var browsers: Map<string, Browser> | undefined;
}

async function sharedBrowser(flags: readonly string[]): Promise<Browser> {
  globalThis.browsers ??= new Map();
  const key = flags.join(" ");
  const known = globalThis.browsers.get(key);
  // One that has crashed fails the tests of its file alone.
  if (known?.isConnected() === true) return known;
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...flags] });
  globalThis.browsers.set(key, browser);
  return browser;
}

/** A browser for the tests of the file. */
export function useBrowser(flags: readonly string[] = ["--disable-gpu"]): TestBrowser {
  let browser: Browser | undefined;
  const contexts = { test: [] as BrowserContext[], file: [] as BrowserContext[] };
  const faults: Error[] = [];
  beforeAll(async () => {
    browser = await sharedBrowser(flags);
  });
  afterEach(async () => {
    for (const context of contexts.test.splice(0)) await context.close();
    const [first] = faults.splice(0);
    if (first !== undefined) throw first;
  });
  afterAll(async () => {
    for (const context of contexts.file.splice(0)) await context.close();
  });
  const visitor: TestBrowser["visitor"] = async (options, endsWith = "test") => {
    if (browser === undefined) throw new Error("the browser is started before the first test, not before that");
    const context = await browser.newContext(options);
    // A software GPU on a busy machine takes its time.
    context.setDefaultTimeout(100_000);
    context.on("weberror", (fault) => faults.push(fault.error()));
    contexts[endsWith].push(context);
    return context;
  };
  const open = async (url: string, options?: BrowserContextOptions) => {
    const page = await (await visitor(options)).newPage();
    await page.goto(url);
    return page;
  };
  return { visitor, open };
}

/** A host of static files like many: it adds no headers, and serves a folder under a path. */
export interface StaticHost {
  /** Where the page is. */
  readonly url: string;
  /** The paths that were asked for since the last call. */
  asked(): string[];
  close(): Promise<void>;
}

export interface StaticHostOptions {
  readonly path?: string;
  /** Default: the built page. */
  readonly folder?: string;
  /** How many cores the page's workers believe to have. Default: those of the machine. */
  readonly cores?: number;
}

export async function startStaticHost({
  path = "/people/someone/studio",
  folder = BUILT,
  cores,
}: StaticHostOptions = {}): Promise<StaticHost> {
  const app = new Hono();
  let asked: string[] = [];
  app.use(async ({ req }, next) => {
    asked.push(req.path.slice(path.length));
    await next();
  });
  if (cores !== undefined)
    app.get(`${path}/assets/:worker{worker-.*\\.js}`, async (context) => {
      const code = await readFile(join(folder, "assets", context.req.param("worker")), "utf8");
      const limit = `Object.defineProperty(navigator, "hardwareConcurrency", { value: ${cores} });\n`;
      return context.body(limit + code, 200, { "content-type": "text/javascript" });
    });
  app.use(`${path}/*`, serveStatic({ root: folder, rewriteRequestPath: (file) => file.slice(path.length) }));
  const listening: Listening = await listen(app.fetch, { port: 0, host: "127.0.0.1" });
  return {
    url: `http://127.0.0.1:${listening.port}${path}/`,
    asked: () => {
      const paths = asked;
      asked = [];
      return paths;
    },
    close: () => listening.close(0),
  };
}
