/**
 * A training step in Chromium, on WebAssembly with all threads: ours beside TensorFlow.js and jax-js, from the same weights on the
 * same batches, in turns; our step's matrix products alone; and @genai-fi/nanogpt, which has no WebAssembly. Its installation stands in
 * bench/peers/browser.
 *
 *     npm run bench:browser -- [--rounds 5] [--steps 3] [--only ours,products,tfjs,jax,nanogpt] [--chromium /usr/bin/chromium] [--json FILE]
 */

import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Page } from "playwright-core";
import { build, preview } from "vite";
import { machine, median, ratiosOf } from "./measure.ts";
import { countOf, parsedOptions } from "./options.ts";

const { values: options } = parsedOptions({
  options: {
    rounds: { type: "string", default: "5" },
    steps: { type: "string", default: "3" },
    only: { type: "string", default: "ours,products,tfjs,jax,nanogpt" },
    chromium: { type: "string", default: "/usr/bin/chromium" },
    json: { type: "string" },
  },
});

const [rounds, steps] = [countOf(options.rounds, "--rounds"), countOf(options.steps, "--steps")];

/** Tokens of a step: nanoGPT's size for a CPU. */
const TOKENS = 12 * 64;
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"];

const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "bench-browser-"));
const headers = {
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Opener-Policy": "same-origin",
};
const site = {
  configFile: false,
  logLevel: "warn",
  root: at("bench/peers/browser"),
  resolve: {
    alias: {
      "tokenformer/browser": at("dist/browser.js"),
      "tokenformer/model": at("dist/public/model.js"),
      "tokenformer/benchmark/products": at("dist/lab/benchmark/products.js"),
    },
  },
  worker: { format: "es" },
  build: {
    outDir: folder,
    emptyOutDir: true,
    target: "es2024",
    rolldownOptions: { checks: { bundlerTimings: false } },
  },
  preview: { headers, port: 4848 },
} as const;

interface Turn {
  readonly seconds: readonly number[];
  readonly losses: readonly number[];
}

await build(site);
const server = await preview(site);
const browser = await chromium.launch({ executablePath: options.chromium, args: FLAGS });
try {
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(error.message));
  await page.goto(server.resolvedUrls?.local[0] ?? "");
  const sides = options.only.split(",");
  const turns = await measured(page, sides);
  report(turns);
  if (options.json !== undefined) {
    const written = { machine, browser: browser.version(), tokensOfStep: TOKENS, seconds: Object.fromEntries(turns) };
    await writeFile(options.json, `${JSON.stringify(written, null, 2)}\n`);
  }
} finally {
  await browser.close();
  await server.close();
  rmSync(folder, { recursive: true });
}

/** The median seconds of a step in each round, by side. */
async function measured(page: Page, sides: readonly string[]): Promise<Map<string, number[]>> {
  const ask = (side: string, count: number): Promise<Turn> => page.evaluate(`step("${side}", ${count})`);
  const result = new Map<string, number[]>();
  for (const side of sides) {
    // Compiling is not timed.
    const { losses } = await ask(side, 3);
    console.error(`${side}: first losses ${losses.map((loss) => loss.toFixed(5)).join(" ")}`);
    result.set(side, []);
  }
  for (let round = 0; round < rounds; round++) {
    for (const [side, medians] of result) {
      const { seconds } = await ask(side, steps);
      medians.push(median(seconds));
      console.error(`round ${round + 1}, ${side}: ${(1000 * median(seconds)).toFixed(0)} ms`);
    }
  }
  return result;
}

function report(turns: ReadonlyMap<string, readonly number[]>): void {
  console.log(`${machine}, Chromium ${browser.version()}; ${TOKENS} tokens a step`);
  const ours = turns.get("ours") ?? [];
  for (const [side, seconds] of turns) {
    const ratios = ratiosOf(seconds, ours);
    const spread = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
    const rate = Math.round(TOKENS / median(seconds));
    console.log(
      `${side}: ${rate} tokens/s, ${(1000 * median(seconds)).toFixed(0)} ms; ours ${median(ratios).toFixed(2)} times as fast (${spread})`,
    );
  }
}
