/** What the README shows works as it stands: its program runs, at fewer steps, and its table of folders is the source's. */

import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");

it("shows a program that trains, grows and writes", async () => {
  const program = /```js\n(.*?)```/s.exec(readme)?.[1] ?? "";
  expect(program).toContain("steps: 300");
  // Inside the repository, so that the package's own name resolves.
  const folder = mkdtempSync(join(root, "dist", "readme-"));
  try {
    const file = join(folder, "program.mjs");
    writeFileSync(
      file,
      program.replace("steps: 300", "steps: 4, evaluationTokens: 640").replace("step: 150", "step: 2"),
    );
    const { stdout } = await promisify(execFile)(process.execPath, [file]);
    expect(stdout).toMatch(/^0 4\.\d+\nfeedForward 512 → 1024 tokens \d/m);
    expect(stdout).toMatch(/^4 \d\.\d+$/m);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("lists the folders of the source", () => {
  const listed = [...readme.matchAll(/^\| `([\w-]+)\/`\s*\|/gm)].map(([, folder]) => folder);
  const folders = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(new Set(listed)).toEqual(new Set(folders.map(({ name }) => name)));
});
