/**
 * The studio in Chromium, as `tokenformer studio` serves it: how long until it trains, whether the page's own thread stays free
 * while it does, and whether memory stays flat over many updates and three growths.
 *
 *     npm run bench:studio -- [--steps 2000] [--chromium /usr/bin/chromium] [--json FILE]
 */

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium, type Page } from "playwright-core";
import { z } from "zod";
import { machine } from "./measure.ts";
import { countOf, parsedOptions } from "./options.ts";

const { values: options } = parsedOptions({
  options: {
    steps: { type: "string", default: "2000" },
    chromium: { type: "string", default: "/usr/bin/chromium" },
    json: { type: "string" },
  },
});

const STEPS = countOf(options.steps, "--steps");
/** Small enough that thousands of updates take minutes; growing doubles the feed-forward tokens. */
const CHOICES = { layers: 2, heads: 4, width: 64, context: 64, attentionTokens: 64, feedForwardTokens: 128, batch: 4 };

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"];

/** Updates after a growth until everything of the larger model has been made. */
const SETTLED = 40;

interface Memory {
  readonly step: number;
  /** Resident bytes of the page's process, its workers included. */
  readonly bytes: number;
}

/** Of Chromium's traces: a task, or the name of a thread. */
const traceEvent = z.looseObject({
  name: z.string(),
  pid: z.number(),
  tid: z.number(),
  /** Microseconds of the processor. */
  tdur: z.number().default(0),
  args: z.looseObject({ name: z.string().optional() }).default({}),
});

const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const server = spawn(process.execPath, [cli, "studio", "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
const browser = await chromium.launch({ executablePath: options.chromium, args: FLAGS });
const session = await browser.newBrowserCDPSession();
try {
  const [line] = await once(createInterface(server.stdout), "line");
  const url = /http:\S+(?=;)/.exec(String(line))?.[0] ?? "";
  const page = await browser.newPage();
  await page.addInitScript(
    "window.tasks = []; new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ startTime, duration }) => ({ startTime, duration })))).observe({ type: 'longtask', buffered: true });",
  );
  const query = new URLSearchParams(Object.entries(CHOICES).map(([key, value]): [string, string] => [key, `${value}`]));
  await page.goto(`${url}/#/new?${query}`);
  const result = await measured(page);
  report(result);
  if (options.json !== undefined) {
    const written = { machine, browser: browser.version(), choices: CHOICES, ...result };
    await writeFile(options.json, `${JSON.stringify(written, null, 2)}\n`);
  }
} finally {
  await browser.close();
  server.kill();
}

async function measured(page: Page) {
  const start = page.getByRole("button", { name: "Start training" });
  await start.click({ trial: true });
  const clicked = performance.now();
  await start.click();
  await page.waitForFunction("/[1-9]/.test(document.querySelector('.tile dd')?.textContent ?? '')");
  const secondsToTrain = (performance.now() - clicked) / 1000;
  await page.getByText(/^Written at step/).waitFor();
  const secondsToSample = (performance.now() - clicked) / 1000;
  const busiest = await traceTasks();
  // What comes before is loading.
  const loaded: number = await page.evaluate("performance.now()");
  const memory = [await memoryOf(page)];
  const growths = [1, 2, 3].map((part) => Math.floor((STEPS * part) / 4));
  for (const step of [...growths, STEPS]) {
    await reached(page, step);
    memory.push(await memoryOf(page));
    if (step === STEPS) break;
    await page.getByRole("button", { name: "Double it", exact: true }).click();
    await page.getByRole("heading", { name: /^Grew to/ }).waitFor();
    await reached(page, step + SETTLED);
    memory.push(await memoryOf(page));
  }
  const busiestTask = await busiest();
  const longTasks = (await page.evaluate<{ startTime: number; duration: number }[]>("tasks")).filter(
    ({ startTime }) => startTime > loaded,
  );
  return { secondsToTrain, secondsToSample, longTasks, busiestTask, memory };
}

/**
 * Traces the tasks of all pages' own threads from now on.
 * @returns what ends that, and gives the most milliseconds of the processor that one of them took: unlike its duration, that does not
 * depend on what else the machine does
 */
async function traceTasks(): Promise<() => Promise<number>> {
  const events: z.infer<typeof traceEvent>[] = [];
  session.on("Tracing.dataCollected", ({ value }) => events.push(...z.array(traceEvent).parse(value)));
  const traceConfig = { includedCategories: ["toplevel", "__metadata"] };
  await session.send("Tracing.start", { traceConfig, transferMode: "ReportEvents" });
  return async () => {
    const complete = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve));
    await session.send("Tracing.end");
    await complete;
    const threads = events.filter(({ args }) => args.name === "CrRendererMain").map(({ pid, tid }) => `${pid} ${tid}`);
    const tasks = events.filter(
      ({ name, pid, tid }) => name.endsWith("::RunTask") && threads.includes(`${pid} ${tid}`),
    );
    if (tasks.length === 0) throw new Error("the trace has no task of a page: this Chromium names them otherwise");
    return Math.max(...tasks.map(({ tdur }) => tdur)) / 1000;
  };
}

async function stepOf(page: Page): Promise<number> {
  return Number((await page.locator(".tile dd").first().textContent())?.replaceAll(/\D/g, ""));
}

async function reached(page: Page, step: number): Promise<void> {
  while ((await stepOf(page)) < step) await page.waitForTimeout(200);
}

async function memoryOf(page: Page): Promise<Memory> {
  // The browser's own measure waits for workers that are blocked, as threads of WebAssembly are.
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const renderers = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => String(id));
  const kilobytes = execFileSync("ps", ["-o", "rss=", "-p", renderers.join(",")], { encoding: "utf8" });
  const bytes = kilobytes.split("\n").reduce((sum, line) => sum + 1024 * Number(line), 0);
  return { step: await stepOf(page), bytes };
}

function report({
  secondsToTrain,
  secondsToSample,
  longTasks,
  busiestTask,
  memory,
}: Awaited<ReturnType<typeof measured>>): void {
  console.log(`${machine}, Chromium ${browser.version()}`);
  console.log(
    `from the click to the first update ${secondsToTrain.toFixed(1)} s, to the first sample ${secondsToSample.toFixed(1)} s`,
  );
  const longest = Math.max(0, ...longTasks.map(({ duration }) => duration));
  console.log(`tasks of the page over 50 ms while it trains: ${longTasks.length}, the longest ${longest} ms`);
  console.log(`the most of the processor's time that a task took: ${busiestTask.toFixed(1)} ms`);
  for (const { startTime, duration } of longTasks)
    console.log(`  ${duration} ms at ${(startTime / 1000).toFixed(1)} s`);
  for (const [index, { step, bytes }] of memory.entries()) {
    const stage = index % 2 === 0 ? `size ${index / 2 + 1}, ` : "        ";
    console.log(`${stage}step ${step}: ${(bytes / 2 ** 20).toFixed(1)} MiB`);
  }
}
