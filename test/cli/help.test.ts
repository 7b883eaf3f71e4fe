/** What a page of help loads: each module more is time that a user waits for it. */

import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { z } from "zod";
import { useSharedFolder } from "../support/folder.ts";

const at = useSharedFolder();
const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

const coverageSchema = z.object({ result: z.array(z.object({ url: z.string() })) });

it("help loads the table of commands, and nothing that only a command, a mistake or other words need", async () => {
  const env = { ...process.env, NODE_V8_COVERAGE: at("coverage") };
  const { stdout } = await promisify(execFile)(process.execPath, [main, "--help"], { env });
  expect(stdout).toContain("Commands:\n  train ");
  const [file = ""] = await readdir(at("coverage"));
  const { result } = coverageSchema.parse(JSON.parse(await readFile(at("coverage", file), "utf8")));
  const loaded = result.flatMap(({ url }) => /(?:dist|node_modules)\/(?!.*node_modules\/)(.+)$/.exec(url)?.[1] ?? []);
  const names = loaded.map((path) => path.replace(/-[\w-]{8}\.js$/, ".js")).sort();
  expect(names).toEqual(["cli/main.js", "programs/help-page.js", "programs/output.js", "programs/program.js"]);
});
