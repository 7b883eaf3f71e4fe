/** The studio's engine in a browser, without its page, for the tests of a file. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BrowserContextOptions, Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll } from "vitest";
import { startStudio } from "../../src/studio-server/index.ts";
import { defaultText } from "../../studio/build/default-text.ts";
import type { Choices, Engine, EngineEvent, Environment, RunView } from "../../studio/src/engine/api.ts";
import studio from "../../studio/vite.config.ts";
import { startStaticHost, type TestBrowser } from "./browser.ts";
import { textOf } from "./program.ts";

/** Builds the engine with nothing but a page to hold it. */
export async function buildHarness(folder: string): Promise<void> {
  // Vitest has another environment, in which Vite would make code for its development server.
  const environment = process.env["NODE_ENV"];
  process.env["NODE_ENV"] = "production";
  await build({
    ...studio,
    configFile: false,
    logLevel: "warn",
    root: fileURLToPath(new URL("../../studio/harness/", import.meta.url)),
    plugins: [defaultText()],
    build: { ...studio.build, outDir: folder, rolldownOptions: { checks: { bundlerTimings: false } } },
  });
  process.env["NODE_ENV"] = environment;
}

/** A visitor's engine. */
export interface EnginePage {
  readonly page: Page;
  call<Method extends keyof Engine>(
    method: Method,
    ...args: Parameters<Engine[Method]>
  ): Promise<Awaited<ReturnType<Engine[Method]>>>;
  /** What the engine has told so far, of one type. */
  told<Type extends EngineEvent["type"]>(type: Type): Promise<Extract<EngineEvent, { type: Type }>[]>;
  /** Where it runs. */
  readonly environment: Environment;
  /** Waits until an expression in the page is true. Looked at in each frame, as Playwright does, it would have all frames drawn. */
  waitFor(condition: string): Promise<unknown>;
  /** Waits until a run that trains has made so many updates. */
  reached(run: string, step: number): Promise<unknown>;
  /** Trains a run until it has made so many updates, or a few more. */
  trainTo(run: string, step: number): Promise<RunView>;
}

export interface VisitOptions extends BrowserContextOptions {
  /** Whether the page comes without the headers that threads need. Default: with them. */
  readonly bare?: boolean;
  /** How many cores the engine believes to have. Default: 1, as threads of a tiny model wait for each other longer than they work. */
  readonly cores?: number;
  /** With what the visit ends. Default: the test. */
  readonly endsWith?: "test" | "file";
  /** Called before the page is loaded from an origin. */
  prepare?(page: Page, origin: string): Promise<void>;
}

/** Builds and serves it. `open` is for a visitor of a test; `shared` is one who stays, for tests that look at runs of their own alone. */
export function useEnginePage(browser: TestBrowser) {
  let folder = "";
  let url = "";
  let bareUrl = "";
  let close = async () => {};
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tokenformer-engine-"));
    await buildHarness(folder);
    const running = await startStudio({ port: 0, host: "127.0.0.1", page: folder, root: folder, note: console.error });
    const host = await startStaticHost({ path: "/engine", folder });
    url = `http://127.0.0.1:${running.port}/`;
    bareUrl = host.url;
    close = async () => {
      await running.close(0);
      await host.close();
    };
  });
  afterAll(async () => {
    await close();
    await rm(folder, { recursive: true });
  });
  const open = async (
    backend: "wasm" | "webgpu" = "wasm",
    { bare = false, cores = 1, prepare, endsWith, ...options }: VisitOptions = {},
  ): Promise<EnginePage> => {
    const page = await (await browser.visitor(options, endsWith)).newPage();
    const address = bare ? bareUrl : url;
    await prepare?.(page, new URL(address).origin);
    await page.goto(address);
    return enginePage(page, backend, cores);
  };
  let stays: Promise<EnginePage> | undefined;
  const shared = () => {
    stays ??= open("wasm", { endsWith: "file" }).catch((error: unknown) => {
      stays = undefined;
      throw error;
    });
    return stays;
  };
  return { open, shared };
}

/** The engine of a page, opened. */
export async function enginePage(page: Page, backend: "wasm" | "webgpu", cores = 1): Promise<EnginePage> {
  const call: EnginePage["call"] = (method, ...args) => page.evaluate(`engine.${method}(...${JSON.stringify(args)})`);
  const told: EnginePage["told"] = (type) => page.evaluate(`events.filter(({ type }) => type === "${type}")`);
  const waitFor = (condition: string) => page.waitForFunction(condition, undefined, { polling: 20 });
  const reached = (run: string, step: number) =>
    waitFor(
      `events.some(({ type, run, points }) => type === "training" && run === "${run}" && points.at(-1).step >= ${step})`,
    );
  const trainTo = async (run: string, step: number) => {
    await call("start", run);
    await reached(run, step);
    await call("pause", run);
    return call("view", run);
  };
  await waitFor("window.engine !== undefined");
  await page.evaluate(`engine.haveCores(${cores})`);
  const environment = await call("open", backend);
  return { page, environment, call, told, waitFor, reached, trainTo };
}

/** So small that an update takes a few milliseconds. The text is short too: of one of the gallery's, each validation takes 4096 tokens. */
export const TINY_CHOICES: Choices = {
  name: "tiny",
  architecture: "tokenformer",
  text: { kind: "own", name: "whales", text: textOf(4000) },
  pieces: "characters",
  layers: 2,
  heads: 2,
  width: 24,
  context: 24,
  attentionTokens: 16,
  feedForwardTokens: 40,
  batch: 6,
  // Low, as Adam's first updates hang on the signs of gradients: it keeps the roundings of two runtimes from growing.
  learningRate: 5e-4,
  seed: 3,
};
