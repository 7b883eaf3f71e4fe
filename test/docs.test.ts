/** What the documentation shows works as it stands: its program runs, its links lead somewhere, its tables are those of the source. */

import { execFile, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");

/** Most that README may have, in bytes: what it knows beyond that belongs into docs/. */
const README_LIMIT = 9_000;

const pages = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "SECURITY.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => join("docs", file)),
];

const programOf = (page: string) => /```js\n(.*?)```/s.exec(read(page))?.[1] ?? "";

it("README is short", () => {
  expect(statSync(join(root, "README.md")).size).toBeLessThanOrEqual(README_LIMIT);
});

it("README and the guide show one program, which trains, grows and writes", async () => {
  const program = programOf("README.md");
  expect(program).toBe(programOf("docs/guides/typescript.md"));
  expect(program).toContain("steps: 300");
  // Inside the repository, so that the package's own name resolves.
  mkdirSync(join(root, "dist-examples"), { recursive: true });
  const folder = mkdtempSync(join(root, "dist-examples", "readme-"));
  try {
    const file = join(folder, "program.mjs");
    writeFileSync(
      file,
      program.replace("steps: 300", "steps: 4, evaluationTokens: 640").replace("step: 150", "step: 2"),
    );
    const { stdout } = await promisify(execFile)(process.execPath, [file]);
    expect(stdout).toMatch(/^0 \d\.\d+\nfeedForward 512 → 1024 tokens \d/m);
    expect(stdout).toMatch(/^4 \d\.\d+$/m);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("the guide to many machines shows the files of deploy/", () => {
  const shown = [...read("docs/guides/many-machines.md").matchAll(/```(?:dockerfile|yaml)\n(.*?)```/gs)];
  expect(shown.map(([, text]) => text)).toEqual([read("deploy/Dockerfile"), read("deploy/mpijob.yaml")]);
});

it("the script for Slurm ends with the code of its ranks, and is queued again where they have saved and stopped", () => {
  const [, script] = /```bash\n(.*?)```/s.exec(read("docs/guides/many-machines.md")) ?? [];
  const ended = [0, 1, 130].map((code) => {
    const slurm = `SLURM_JOB_ID=7; srun() { return ${code}; }; scontrol() { echo "$@"; }`;
    const { status, stdout } = spawnSync("bash", ["-c", `${slurm}\n${script}`], { encoding: "utf8" });
    return [status, stdout];
  });
  expect(ended).toEqual([
    [0, ""],
    [1, ""],
    [130, "requeue 7\n"],
  ]);
});

it("the architecture page lists the folders of the source", () => {
  const listed = [...read("docs/architecture.md").matchAll(/^\| `([\w-]+)\/`\s*\|/gm)].map(([, folder]) => folder);
  const folders = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(new Set(listed)).toEqual(new Set(folders.map(({ name }) => name)));
});

it("a step and a growth pass through as many files as the architecture page says", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, "scripts/walks.mjs")]);
  const page = read("docs/architecture.md");
  const said = (walk: RegExp) => walk.exec(page)?.[1] ?? "nothing";
  expect(stdout).toContain(`step: ${said(/a step runs functions of (\d+) files/)} files`);
  expect(stdout).toContain(`growth: ${said(/A growth that was planned runs functions of (\d+) files/)} files`);
});

it("links of the pages lead to files that are there", () => {
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map(([, link = ""]) => join(dirname(page), link))
      .filter((target) => !existsSync(join(root, target)))
      .map((target) => `${page}: ${relative(".", target)}`),
  );
  expect(broken).toEqual([]);
});

it("the reference pages are those of the commands and the schema: otherwise run `npm run docs:reference`", async () => {
  const script: unknown = await import(pathToFileURL(join(root, "scripts/reference.mjs")).href);
  if (typeof script !== "object" || script === null || !("referencePages" in script)) throw new Error("no pages");
  const made: unknown = await Promise.resolve(
    typeof script.referencePages === "function" ? script.referencePages() : undefined,
  );
  if (!(made instanceof Map)) throw new Error("no map of pages");
  for (const [path, text] of made) expect(read(String(path)), String(path)).toBe(text);
  const rows = read("docs/reference/configuration.md").match(/^\| `.*$/gm) ?? [];
  expect(rows.filter((row) => / {2}\|$/.test(row))).toEqual([]); // without a meaning
});
