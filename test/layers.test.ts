/** The cut of the code: a folder uses only those above it, and no file is part of a cycle of imports. */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { loadedBy } from "./support/loaded.ts";

const source = fileURLToPath(new URL("../src/", import.meta.url));

/** What each folder of the library's core may use. Files of `src` itself may be used by all. */
const core: Readonly<Record<string, readonly string[]>> = {
  tensor: [],
  runtime: ["tensor"],
  nn: ["tensor"],
  model: ["tensor", "nn"],
  growth: ["tensor", "nn", "model"],
  cluster: [],
  formats: [],
  text: ["formats"],
  inference: ["tensor", "runtime", "nn", "model", "growth"],
  optimizer: ["tensor", "runtime", "nn", "model", "growth", "cluster", "inference"],
  configuration: ["tensor", "nn", "model", "growth", "text", "optimizer"],
  data: ["formats", "text", "model"],
  checkpoint: ["nn", "model", "growth", "formats", "text", "configuration", "data"],
  training: [
    "tensor",
    "runtime",
    "nn",
    "model",
    "growth",
    "cluster",
    "formats",
    "text",
    "inference",
    "optimizer",
    "configuration",
    "data",
    "checkpoint",
  ],
  skills: ["nn", "model", "growth", "formats", "text", "runtime", "configuration", "data", "checkpoint", "training"],
  analysis: ["tensor", "runtime", "nn", "model", "growth", "text", "inference", "optimizer", "training"],
};

const wholeCore = Object.keys(core);

const coreBut = (...others: readonly string[]) => wholeCore.filter((folder) => !others.includes(folder));

/** What each folder may use, in the order of the architecture page's table. */
const uses: Readonly<Record<string, readonly string[]>> = {
  ...core,
  published: [
    "tensor",
    "nn",
    "model",
    "growth",
    "formats",
    "text",
    "configuration",
    "data",
    "checkpoint",
    "training",
    "skills",
  ],
  evaluation: ["tensor", "runtime", "nn", "model", "formats", "text", "inference"],
  generation: ["tensor", "runtime", "nn", "model", "text", "inference"],
  public: [...wholeCore],
  http: ["formats"],
  server: ["evaluation", "generation", "text", "http"],
  "studio-server": ["model", "formats", "text", "configuration", "data", "checkpoint", "training", "http"],
  "lab/report": [],
  "lab/study": [...coreBut("cluster"), "lab/report"],
  "lab/frontier": [...coreBut("cluster"), "lab/report", "lab/study"],
  "lab/skills": [...coreBut("cluster"), "lab/report"],
  "lab/benchmark": [...coreBut("cluster", "text"), "lab/report"],
  cli: [
    ...wholeCore,
    "published",
    "evaluation",
    "generation",
    "http",
    "server",
    "studio-server",
    "lab/report",
    "lab/study",
    "lab/frontier",
    "lab/skills",
    "lab/benchmark",
  ],
};

const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

/** The folder of a file, which of the lab is one of its parts; none for files of `src` itself. */
function folderOf(file: string): string | undefined {
  return /^(lab\/[^/]+|[^/]+)\//.exec(file)?.[1];
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(source, file), "utf8");
  return [...text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)].map(([, path = ""]) =>
    relative(source, resolve(dirname(join(source, file)), path)),
  );
}

it("knows every folder", () => {
  const folders = new Set(files.map(folderOf).filter((folder) => folder !== undefined));
  expect(folders).toEqual(new Set(Object.keys(uses)));
});

it("lets a folder use only those above it", () => {
  const wrong = files.flatMap((file) => {
    const folder = folderOf(file);
    if (folder === undefined) return [];
    return importsOf(file)
      .map((used) => ({ file, used, of: folderOf(used) }))
      .filter(({ of }) => of !== undefined && of !== folder && uses[folder]?.includes(of) !== true);
  });
  expect(wrong).toEqual([]);
});

it("loads nothing of Node in a browser", () => {
  const { files: loaded, packages } = loadedBy("browser.ts");
  expect(loaded).toContain("training/run.ts");
  expect(packages).toEqual(
    new Set([
      "@bufbuild/protobuf",
      "@bufbuild/protobuf/codegenv2",
      "fastest-levenshtein",
      "@huggingface/jinja",
      "@noble/hashes/sha2.js",
      "oniguruma-parser/generator",
      "oniguruma-parser/parser",
      "oniguruma-to-es",
      "onnxruntime-web/jspi",
      "onnxruntime-web/wasm",
      "onnxruntime-web/webgpu",
      "zod",
    ]),
  );
});

it("has ONNX Runtime in one folder alone", () => {
  const others = files.filter((file) => /(from |import\()"onnxruntime/.test(readFileSync(join(source, file), "utf8")));
  expect(others.filter((file) => !file.startsWith("runtime/"))).toEqual([]);
});

it("has the files that `npm run test:quick` names", async () => {
  // The list looks for its files as it is loaded.
  await expect(import("../vitest.quick.config.ts")).resolves.toHaveProperty("default.test.include");
});
