/** The command line as a user meets it: the built program in a process beside the tests, in a folder of its own. */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { CommandHost, MAIN, startProcess, textOf } from "./program.ts";

export { type Running, startProcess, TINY } from "./program.ts";

/**
 * A folder with `text.txt` for the tests of a file, in which commands run. It is removed after them.
 *
 * What `run` and `answer` are given runs in one process, command after command, each until nothing is left to do: most of what a
 * process of its own takes is loading the program. `start` makes such a process, for commands at the same time.
 */
export function useCommandLine() {
  let folder = "";
  const host = new CommandHost();
  const at = (...names: string[]) => join(folder, ...names);
  const start = (...args: readonly string[]) => startProcess([MAIN, ...args], folder);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tokenformer-cli-"));
    await writeFile(at("text.txt"), textOf(4000));
  });
  afterAll(async () => {
    await host.close();
    await rm(folder, { recursive: true });
  });
  const run = (...args: readonly string[]) => host.run(args, folder);
  return {
    at,
    main: MAIN,
    start,
    run,
    /** The standard output of a command that succeeds. */
    answer: async (...args: readonly string[]) => {
      const outcome = await run(...args);
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

/** The one line of JSON that a command answers with `--json`. */
export function json(stdout: string): unknown {
  expect(stdout).toMatch(/^[^\n]+\n$/);
  return JSON.parse(stdout);
}
