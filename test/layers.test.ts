/** The cut of the code: a folder uses only those above it, and no file is part of a cycle of imports. */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const source = fileURLToPath(new URL("../src/", import.meta.url));

/** What each folder may use, in the order of the README's table. Files of `src` itself may be used by all. */
const uses: Readonly<Record<string, readonly string[]>> = {
  tensor: [],
  runtime: ["tensor"],
  nn: ["tensor"],
  model: ["tensor", "nn"],
  growth: ["tensor", "nn", "model"],
  formats: [],
  text: ["formats"],
  training: ["tensor", "runtime", "nn", "model", "growth", "formats", "text"],
  published: ["tensor", "nn", "model", "growth", "formats", "text", "training"],
  evaluation: ["tensor", "runtime", "nn", "model", "formats", "text", "training"],
  generation: ["tensor", "runtime", "nn", "model", "text"],
  server: ["evaluation", "generation", "text"],
  report: [],
  study: ["tensor", "runtime", "nn", "model", "growth", "formats", "text", "training", "report"],
  cli: [
    "tensor",
    "runtime",
    "nn",
    "model",
    "growth",
    "formats",
    "text",
    "training",
    "published",
    "evaluation",
    "generation",
    "server",
    "report",
    "study",
  ],
};

const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

function importsOf(file: string): string[] {
  const text = readFileSync(join(source, file), "utf8");
  return [...text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)].map(([, path = ""]) =>
    relative(source, resolve(dirname(join(source, file)), path)),
  );
}

it("knows every folder", () => {
  const folders = new Set(files.filter((file) => file.includes("/")).map((file) => file.split("/")[0]));
  expect(folders).toEqual(new Set(Object.keys(uses)));
});

it("lets a folder use only those above it", () => {
  const wrong = files.flatMap((file) => {
    const folder = file.includes("/") ? file.split("/")[0] : undefined;
    if (folder === undefined) return [];
    return importsOf(file)
      .map((used) => ({ file, used, of: used.includes("/") ? used.split("/")[0] : undefined }))
      .filter(({ of }) => of !== undefined && of !== folder && uses[folder]?.includes(of) !== true);
  });
  expect(wrong).toEqual([]);
});

it("has ONNX Runtime in one folder alone", () => {
  const others = files.filter((file) => /from "onnxruntime/.test(readFileSync(join(source, file), "utf8")));
  expect(others.filter((file) => !file.startsWith("runtime/"))).toEqual([]);
});
