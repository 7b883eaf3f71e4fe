/** The built program in processes, with options and a text that are small enough to try it on. */

import { fork, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { Random } from "../../src/random.ts";
import { NODE_FLAGS } from "./node-flags.ts";

/** The folder of the package, whichever folder this file was compiled to. */
export const ROOT = dirname(createRequire(import.meta.url).resolve("tokenformer/package.json"));

/** The built program. */
export const MAIN = join(ROOT, "dist/cli/main.js");

/** The address of a module of the built package, such as `tokenformer/nn`, for a module outside of it to import. */
export const addressOf = (name: string) => pathToFileURL(createRequire(import.meta.url).resolve(name)).href;

const HOST = join(ROOT, "test/support/command-host.js");

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

/** Lower-case words of a small vocabulary, in lines that end in a full stop. */
export function textOf(length: number): string {
  const random = Random.from("command line");
  const words = "the whale sea ship captain white old man said and of a to in deep blue water sail mast day".split(" ");
  let text = "";
  while (text.length < length) {
    text += words[random.integer(words.length)];
    text += random.uniform() < 0.15 ? ".\n" : " ";
  }
  return text;
}

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
  /** The number of the process. */
  readonly id: number;
  readonly outcome: Promise<Outcome>;
}

/**
 * Begins and ends what a command writes in a host; nothing that it writes holds this character. What a library's thread prints as it
 * ends may come before or after, and is nobody's.
 */
const MARK = "\u0004";

/** Milliseconds after which a command is taken to hang: less than a test may take, so that the test says which it was. */
const PATIENCE = 240_000;

/** A process that runs commands one after the other, and another where a command ended it. */
export class CommandHost {
  readonly #program: string;
  #process: HostProcess | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @param program a module that runs what the arguments of its process say, each time that it is loaded; default: the built program */
  constructor(program = MAIN) {
    this.#program = program;
  }

  /** Runs a command in a folder, after those that were asked for before. */
  run(args: readonly string[], folder: string): Promise<Outcome> {
    const outcome = this.#last.then(() => {
      if (this.#process?.isAlive !== true) this.#process = new HostProcess(this.#program);
      return this.#process.run(args, folder);
    });
    this.#last = outcome.catch(() => undefined);
    return outcome;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#process?.close();
  }
}

class HostProcess {
  readonly #process;
  readonly #ended: Promise<number | null>;
  isAlive = true;

  constructor(program: string) {
    // What else this process was started with is not for another.
    this.#process = fork(HOST, [program], { execArgv: [...NODE_FLAGS], stdio: ["ignore", "pipe", "pipe", "ipc"] });
    // It ends with this process, which waits for it only while it runs a command: in a script nothing else may be under way.
    this.#process.unref();
    this.#process.channel?.unref();
    this.#ended = new Promise((resolve) => {
      this.#process.once("exit", (code) => {
        this.isAlive = false;
        resolve(code);
      });
    });
  }

  /** @throws Error where the command has not ended after `PATIENCE`, with what it has written; it is killed */
  async run(args: readonly string[], folder: string): Promise<Outcome> {
    const { stdout, stderr } = this.#process;
    if (stdout === null || stderr === null) throw new Error("the host has no output");
    const answered = new Promise<number>((resolve) => {
      this.#process.once("message", (code) => resolve(Number(code)));
    });
    this.#process.ref();
    let isKilled = false;
    const timer = setTimeout(() => {
      isKilled = this.#process.kill("SIGKILL");
    }, PATIENCE);
    try {
      this.#process.send({ args, folder, mark: MARK });
      const written = await Promise.all([textBetweenMarks(stdout), textBetweenMarks(stderr)]);
      // A command that ends the process is answered by that.
      const code = await Promise.race([answered, this.#ended]);
      if (isKilled) throw new Error(`tokenformer ${args.join(" ")} did not end; it wrote: ${written.join("\n")}`);
      return { code, stdout: written[0], stderr: written[1] };
    } finally {
      clearTimeout(timer);
      this.#process.unref();
    }
  }

  async close(): Promise<void> {
    this.#process.ref();
    if (this.#process.connected) this.#process.disconnect();
    await this.#ended;
  }
}

/** What comes between the next two marks, or until the end where no second one comes. */
function textBetweenMarks(stream: Readable): Promise<string> {
  return new Promise((resolve) => {
    let whole = "";
    const take = (piece: string) => {
      whole += piece;
      if (whole.split(MARK).length > 2) finish();
    };
    const finish = () => {
      stream.off("data", take).off("end", finish);
      resolve(whole.split(MARK)[1] ?? "");
    };
    if (stream.readableEnded) finish();
    else stream.setEncoding("utf8").on("data", take).on("end", finish);
  });
}

/** Starts Node with arguments. */
export function startProcess(
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): Running {
  const env = { ...process.env, ...environment };
  const child = spawn(process.execPath, [...NODE_FLAGS, ...args], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
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
  return { shown, outcome, stdout: () => stdout, signal: (name) => child.kill(name), id: child.pid ?? 0 };
}
