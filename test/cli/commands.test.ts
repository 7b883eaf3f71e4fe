/** The table of commands: what `--help` says without loading any of them. */

import { expect, it } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { startProcess, useCommandLine } from "../support/command-line.ts";

const cli = useCommandLine();

it("has each command under its own name", async () => {
  const names = await Promise.all(Object.values(commands).map(async ({ load }) => (await load()).name()));
  expect(names).toEqual(Object.keys(commands));
});

/** Names on stderr every module that a program loads. */
const NAMES = `data:text/javascript,${encodeURIComponent(`
import { register } from "node:module";
const hooks = \`
import { writeSync } from "node:fs";
export async function resolve(name, context, next) {
  const found = await next(name, context);
  writeSync(2, found.url + "\\\\n");
  return found;
}\`;
register("data:text/javascript," + encodeURIComponent(hooks));
`)}`;

async function loadedFor(...args: readonly string[]): Promise<string> {
  const { code, stderr } = await startProcess(["--import", NAMES, cli.main, ...args], cli.at()).outcome;
  expect(code, stderr).toBe(0);
  return stderr;
}

it("loads no command to print the list of them", async () => {
  const loaded = await loadedFor("--help");
  expect(loaded).toContain("/programs/help-page-");
  expect(loaded).not.toMatch(/-command[-.]|onnxruntime|zod|schemas/);
});

it("loads the command that is asked for, and no other", async () => {
  for (const args of [["presets", "--help"], ["help", "presets"], ["presets"]]) {
    const loaded = (await loadedFor(...args)).matchAll(/\/programs\/(\w+)-command-[\w-]+\.js/g);
    expect([...new Set(Array.from(loaded, ([, name]) => name))]).toEqual(["presets"]);
  }
});
