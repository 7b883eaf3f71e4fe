// What runs in a process of its own, or in a thread that is made of many modules, as a few files: it starts in less than half the time, as
// Node takes about a millisecond of the processor for each module. The library stays modules, of which a bundler takes what it needs.

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, posix, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("../", import.meta.url));
const source = join(root, "src");
const dist = join(root, "dist");

const PROGRAMS = ["cli/main", "cluster/watch-worker", "lab/benchmark/child", "server/text-thread"];

/** Within `dist`, what the programs share. */
const FOLDER = "programs";

/** Packages that are imported as they are: they have files besides their modules, or are larger than all else and seldom used. */
const INSTALLED = /^(?:@observablehq\/plot|@stdlib\/|koffi|linkedom|onnxruntime-)/;

/** Milliseconds that what an earlier build made stays: a program that was started before loads parts of it as late as at its end. */
const KEPT = 7 * 24 * 3600 * 1000;

const isOwn = (id) => !relative(source, id).startsWith("..") && !id.startsWith("\0");

/** Where a module is built to, from `dist`. */
const builtPath = (id) => relative(source, id).replaceAll("\\", "/").replace(/\.ts$/, ".js");

/** `import.meta.url` stays that of the module, wherever its lines come to be: it leads to threads, the page and the package's own files. */
const ownUrls = {
  name: "own-urls",
  transform: {
    filter: { code: "import.meta.url" },
    handler: (code, id) =>
      isOwn(id)
        ? code.replaceAll("import.meta.url", `new URL("built-module:${builtPath(id)}", import.meta.url).href`)
        : undefined,
  },
  renderChunk: (code, { fileName }) =>
    code.replaceAll(/built-module:([\w/-]+\.js)/g, (_, path) => posix.relative(posix.dirname(fileName), path)),
};

const bundle = await rolldown({
  input: Object.fromEntries(PROGRAMS.map((name) => [name, join(source, `${name}.ts`)])),
  platform: "node",
  external: INSTALLED,
  // That of package.json is of what is built.
  treeshake: { moduleSideEffects: (id) => (isOwn(id) ? true : undefined) },
  plugins: [ownUrls],
});
const { output } = await bundle.generate({
  format: "esm",
  entryFileNames: "[name].js",
  chunkFileNames: `${FOLDER}/[name]-[hash].js`,
  // Lines and names stay, so that a stack that a user reports can be read.
  comments: false,
});
await bundle.close();

/** Writes a file of `dist` at once: a program that is started meanwhile finds the one before, or this one. */
function write(fileName, text) {
  const path = join(dist, fileName);
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/** The licence of a package: its file, or else what its modules begin with. */
function licenceOf(folder, modules) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const files = readdirSync(folder).filter((path) => /^(?:licen[cs]e|notice)/i.test(path));
  const texts = files.map((path) => readFileSync(join(folder, path), "utf8").trim());
  const heads = modules.flatMap((id) => /^(?:\/\/.*\r?\n)+|^\/\*[\s\S]*?\*\//.exec(readFileSync(id, "utf8")) ?? []);
  if (texts.length === 0) texts.push(...new Set(heads.filter((head) => /copyright/i.test(head))));
  if (texts.length === 0) throw new Error(`${name} has no file with its licence, and no module that says whose it is`);
  return `${name} ${version}, ${license}\n\n${texts.join("\n\n")}\n`;
}

/** The licences of all that came along, which must go where it goes. */
function licences() {
  const modules = new Map();
  for (const id of output.flatMap((chunk) => chunk.moduleIds ?? [])) {
    const [folder] = /^.*node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(id) ?? [];
    if (folder !== undefined) modules.set(folder, [...(modules.get(folder) ?? []), id]);
  }
  // The bundler adds a few lines of its own.
  modules.set(join(root, "node_modules", "rolldown"), []);
  return [...modules].map(([folder, ids]) => licenceOf(folder, ids));
}

mkdirSync(join(dist, FOLDER), { recursive: true });
write(`${FOLDER}/LICENSES.txt`, licences().join(`\n${"-".repeat(80)}\n\n`));
// Entries come last, as they lead to the others.
for (const { isEntry, fileName, code } of output) if (!isEntry) write(fileName, code);
for (const { isEntry, fileName, code } of output) if (isEntry) write(fileName, code);

// What earlier builds left is not published.
const written = new Set([...output.map(({ fileName }) => fileName), `${FOLDER}/LICENSES.txt`]);
const left = readdirSync(join(dist, FOLDER)).filter((file) => !written.has(`${FOLDER}/${file}`));
for (const file of left) {
  const path = join(dist, FOLDER, file);
  if (Date.now() - statSync(path).mtimeMs > KEPT) rmSync(path);
}
write(`${FOLDER}/.npmignore`, left.map((file) => `${file}\n`).join(""));
