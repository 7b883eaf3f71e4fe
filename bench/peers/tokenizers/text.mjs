// A text of any length to measure tokenizers on: `node text.mjs FILE [BYTES]`, after a build; 2 GB if no number is given.
// Pieces of 3,000 words of a novel, plays, speeches and sources, drawn by a fixed seed. Between any 200 words is a made-up one, as the
// vocabulary of a real text of that length goes on growing too.

import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { gunzipSync } from "node:zlib";
import { Random } from "../../../dist/random.js";
import { embeddedAddresses, embeddedBook } from "../../../dist/text/index.js";

const PIECE = 3_000;
const BETWEEN_NEW = 200;

const [file, bytes = "2000000000"] = process.argv.slice(2);
if (file === undefined || !(Number(bytes) > 0)) throw new Error("expected: node text.mjs FILE [BYTES]");

const gallery = async (name) =>
  gunzipSync(
    await readFile(new URL(`../../../studio/public/gallery/texts/${name}.txt.gz`, import.meta.url)),
  ).toString();
const texts = [
  (await embeddedBook()).text,
  await gallery("play"),
  (await embeddedAddresses()).text,
  await gallery("typescript"),
];
const sources = texts.map((text) => ({ text, starts: Array.from(text.matchAll(/\S+/g), ({ index }) => index) }));
const random = Random.from("text to measure tokenizers on");

/** So many letters or digits. */
function madeUp() {
  const isNumber = random.uniform() < 0.2;
  const characters = Array.from({ length: 3 + random.integer(8) }, () =>
    isNumber ? String(random.integer(10)) : String.fromCharCode(97 + random.integer(26)),
  );
  return characters.join("");
}

function pieceOf({ text, starts }) {
  let piece = "";
  const first = random.integer(starts.length - PIECE);
  for (let at = first; at < first + PIECE; at += BETWEEN_NEW) {
    piece += `${text.slice(starts[at], starts[at + BETWEEN_NEW])} ${madeUp()} `;
  }
  return `${piece.trimEnd()}\n\n`;
}

function* pieces() {
  for (let left = Number(bytes); left > 0; ) {
    const piece = Buffer.from(pieceOf(sources[random.integer(sources.length)]));
    yield piece;
    left -= piece.length;
  }
}

await pipeline(Readable.from(pieces()), createWriteStream(file));
