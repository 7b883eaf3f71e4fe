/** The command line as a user meets it: the built program in a process of its own, in a folder of its own. */

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect } from "vitest";
import { Random } from "../../src/random.ts";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** How a process ended. */
export interface Outcome {
  /** Absent if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process under way. */
export interface Running {
  /** Waits until it has written something that matches to stderr. */
  shown(pattern: RegExp): Promise<void>;
  /** What it has written to stdout so far. */
  stdout(): string;
  signal(name: NodeJS.Signals): void;
  readonly outcome: Promise<Outcome>;
}

/** Options for a model so small that a process takes hardly longer than its start. */
export const TINY: readonly string[] = Object.entries({
  "model.layers": 1,
  "model.width": 16,
  "model.heads": 2,
  "model.context": 16,
  "model.tokens": { query: 8, key: 8, value: 8, projection: 8, feedForward: 16 },
  "training.batch": 4,
  "training.warmup": 0,
  "training.steps": 6,
}).flatMap(([key, value]) => ["--set", `${key}=${JSON.stringify(value)}`]);

/** A folder with `text.txt` for the tests of a file, in which commands run. It is removed after them. */
export function useCommandLine() {
  let folder = "";
  const at = (...names: string[]) => join(folder, ...names);
  const start = (...args: readonly string[]) => startProcess([MAIN, ...args], folder);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tokenformer-cli-"));
    await writeFile(at("text.txt"), textOf(4000));
  });
  afterAll(async () => rm(folder, { recursive: true }));
  return {
    at,
    main: MAIN,
    start,
    run: async (...args: readonly string[]) => start(...args).outcome,
    /** The standard output of a command that succeeds. */
    answer: async (...args: readonly string[]) => {
      const outcome = await start(...args).outcome;
      expect(outcome, outcome.stderr).toMatchObject({ code: 0 });
      return outcome.stdout;
    },
    /** The records of a run's metrics. */
    metrics: async (run: string): Promise<Record<string, unknown>[]> => {
      const lines = (await readFile(at(run, "metrics.jsonl"), "utf8")).trim().split("\n");
      return lines.map((line) => JSON.parse(line));
    },
  };
}

/** Starts Node with arguments. */
export function startProcess(args: readonly string[], cwd: string): Running {
  const child = spawn(process.execPath, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
  const shown = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (pattern.test(stderr)) resolve();
      };
      child.stderr.on("data", look);
      child.on("close", () => reject(new Error(`it ended without showing ${pattern}: ${stderr}`)));
      look();
    });
  return { shown, outcome, stdout: () => stdout, signal: (name) => child.kill(name) };
}

/** The one line of JSON that a command answers with `--json`. */
export function json(stdout: string): unknown {
  expect(stdout).toMatch(/^[^\n]+\n$/);
  return JSON.parse(stdout);
}

/** Lower-case words of a small vocabulary, in lines that end in a full stop. */
function textOf(length: number): string {
  const random = Random.from("command line");
  const words = "the whale sea ship captain white old man said and of a to in deep blue water sail mast day".split(" ");
  let text = "";
  while (text.length < length) {
    text += words[random.integer(words.length)];
    text += random.uniform() < 0.15 ? ".\n" : " ";
  }
  return text;
}
