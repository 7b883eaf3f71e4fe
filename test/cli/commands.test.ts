/** The table of commands: what the program loads for a page of help, and for a command. Each file more is time that a user waits for it. */

import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { z } from "zod";
import { commands } from "../../src/cli/commands.ts";
import { useCommandLine } from "../support/command-line.ts";

const cli = useCommandLine();

it("has each command under its own name", async () => {
  const names = await Promise.all(Object.values(commands).map(async ({ load }) => (await load()).name()));
  expect(names).toEqual(Object.keys(commands));
});

const coverageSchema = z.object({ result: z.array(z.object({ url: z.string() })) });

/** The files of the package, from `dist`, and of others that the program loads, without what tells one build's from another's. */
async function loadedFor(...args: readonly string[]): Promise<{ names: string[]; code: string; stdout: string }> {
  const folder = await mkdtemp(cli.at("coverage-"));
  const env = { ...process.env, NODE_V8_COVERAGE: folder };
  const { stdout } = await promisify(execFile)(process.execPath, [cli.main, ...args], { env });
  const [file = ""] = await readdir(folder);
  const { result } = coverageSchema.parse(JSON.parse(await readFile(`${folder}/${file}`, "utf8")));
  const files = result.filter(({ url }) => url.startsWith("file:")).map(({ url }) => fileURLToPath(url));
  const texts = await Promise.all(files.map((path) => readFile(path, "utf8")));
  const names = files.map((path) => path.replaceAll("\\", "/").replace(/^.*?\/(?:dist|node_modules)\//, ""));
  return { names: names.map((name) => name.replace(/-[\w-]{8}\.js$/, ".js")), code: texts.join("\n"), stdout };
}

it("loads the table of commands for a page of help, and nothing that only a command, a mistake or other words need", async () => {
  const { names, code, stdout } = await loadedFor("--help");
  expect(stdout).toContain("Commands:\n  train ");
  const files = ["cli/main.js", "programs/help-page.js", "programs/output.js", "programs/program.js"];
  expect(names.toSorted((a, b) => a.localeCompare(b))).toEqual(files);
  expect(code).not.toContain("ZodError");
});

it("loads the command that is asked for, and no other", async () => {
  for (const args of [["presets", "--help"], ["help", "presets"], ["presets"]]) {
    const { names } = await loadedFor(...args);
    expect(names.filter((name) => name.includes("-command"))).toEqual(["programs/presets-command.js"]);
  }
});
