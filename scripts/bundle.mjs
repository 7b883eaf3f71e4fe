// What runs in a process or a thread of its own, each as a few files instead of some hundred modules: it starts in a third of the time, as
// Node takes about a millisecond of the processor for each module. The library stays modules, of which a bundler takes what it needs.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, posix, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("../", import.meta.url));

const PROGRAMS = [
  "cli/main",
  "cluster/watch-worker",
  "lab/benchmark/child",
  "optimizer/adamw-thread",
  "runtime/node-worker",
  "server/text-thread",
];

/** Within `dist`, what the programs share. */
const FOLDER = "programs";

/** Packages that are imported as they are: they have files besides their modules, or are larger than all else and seldom used. */
const INSTALLED = /^(?:@observablehq\/plot|@stdlib\/|koffi|linkedom|onnxruntime-)/;

/** Where a module is built to, from `dist`. */
const builtPath = (id) => relative(`${root}src`, id).replaceAll("\\", "/").replace(/\.ts$/, ".js");

/** `import.meta.url` stays that of the module, wherever its lines come to be: it leads to threads, the page and the package's own files. */
const ownUrls = {
  name: "own-urls",
  transform: {
    filter: { id: { include: /[\\/]src[\\/]/, exclude: /node_modules/ }, code: "import.meta.url" },
    handler: (code, id) =>
      code.replaceAll("import.meta.url", `new URL("built-module:${builtPath(id)}", import.meta.url).href`),
  },
  renderChunk: (code, { fileName }) =>
    code.replaceAll(/built-module:([\w/-]+\.js)/g, (_, path) => posix.relative(posix.dirname(fileName), path)),
};

const bundle = await rolldown({
  input: Object.fromEntries(PROGRAMS.map((name) => [name, `${root}src/${name}.ts`])),
  platform: "node",
  external: INSTALLED,
  // That of package.json is of what is built.
  treeshake: { moduleSideEffects: [{ test: /[\\/]src[\\/]/, sideEffects: true }] },
  plugins: [ownUrls],
});
const { output } = await bundle.write({
  dir: `${root}dist`,
  format: "esm",
  entryFileNames: "[name].js",
  chunkFileNames: `${FOLDER}/[name]-[hash].js`,
  // Names of functions stay, so that a stack that a user reports can be read.
  minify: {
    compress: false,
    mangle: { toplevel: true, keepNames: { function: true, class: true } },
    codegen: { removeWhitespace: true },
  },
});
await bundle.close();

/** The licences of the packages that came along, which must go where they go. */
function licences() {
  const modules = output.flatMap((chunk) => chunk.moduleIds ?? []);
  /** The comments, each once, with which the modules of a package begin: where it has no file, they say whose it is. */
  const headsOf = (folder) => {
    const texts = modules.filter((id) => id.startsWith(folder)).map((id) => readFileSync(id, "utf8"));
    return [...new Set(texts.flatMap((text) => /^(?:\/\/.*\r?\n)+|^\/\*[\s\S]*?\*\//.exec(text) ?? []))]
      .join("\n")
      .trim();
  };
  const folders = modules.flatMap((id) => /^.*node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(id) ?? []);
  return [...new Set(folders)].map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((path) => /^licen[cs]e/i.test(path));
    const text =
      file === undefined ? `${license}\n\n${headsOf(folder)}` : readFileSync(join(folder, file), "utf8").trim();
    return `${name} ${version}\n\n${text}\n`;
  });
}
writeFileSync(`${root}dist/${FOLDER}/LICENSES.txt`, licences().join(`\n${"-".repeat(80)}\n\n`));

// What an earlier build left, last: a program that runs meanwhile still loads parts of it.
const written = new Set([...output.map(({ fileName }) => fileName), `${FOLDER}/LICENSES.txt`]);
for (const file of readdirSync(`${root}dist/${FOLDER}`)) {
  if (!written.has(`${FOLDER}/${file}`)) rmSync(`${root}dist/${FOLDER}/${file}`);
}
