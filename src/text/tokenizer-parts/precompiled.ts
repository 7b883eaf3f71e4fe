/** SentencePiece's own normalization, which a tokenizer.json holds as a compiled table ("precompiled_charsmap"). */

import { z } from "zod";
import { UserError } from "../../errors.ts";
import { readPart } from "./part.ts";

const precompiledSchema = z.looseObject({ precompiled_charsmap: z.string() });

/** Longer characters, in UTF-8 bytes, are looked up code point by code point alone. */
const LONGEST_CLUSTER = 5;

/** Characters longer than this, in UTF-16 units, hardly ever come again; there is no end to the accents that one may have. */
const LONGEST_KNOWN = 16;

/** How many characters are remembered, some 10 MB; then that begins anew, as clients of a server choose them. */
const MOST_KNOWN = 2 ** 16;

/**
 * The normalization of a compiled table: a double-array trie (Darts) of the texts that it replaces, and after it the
 * replacements, each ended by a zero.
 *
 * A user-perceived character is replaced whole where it begins with a text of the table (even if it does not end there:
 * so SentencePiece's models were trained), else code point by code point.
 *
 * @throws UserError where there is no such table.
 */
export function readPrecompiled(part: unknown, place: string): (text: string) => string {
  const table = new ReplacementTable(readPart(precompiledSchema, part, place).precompiled_charsmap, place);
  const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
  const known = new Map<string, string>();
  const normalized = (cluster: string) => {
    if (cluster.length > LONGEST_KNOWN) return table.normalize(cluster);
    let found = known.get(cluster);
    if (found === undefined) {
      found = table.normalize(cluster);
      if (known.size >= MOST_KNOWN) known.clear();
      known.set(cluster, found);
    }
    return found;
  };
  return (text) => {
    let result = "";
    // No character reaches over the end of a line, and of plain ASCII each stands alone.
    for (const [line] of text.matchAll(/[^\r\n]+|\r\n|\r|\n/gu)) {
      if (/^[ -~]*$/.test(line)) for (const character of line) result += normalized(character);
      else for (const { segment } of segmenter.segment(line)) result += normalized(segment);
    }
    return result;
  };
}

class ReplacementTable {
  readonly #units: Uint32Array;
  readonly #replacements: Uint8Array;

  constructor(base64: string, place: string) {
    const bytes = bytesOf(base64, place);
    const view = new DataView(bytes.buffer);
    const size = bytes.length < 4 ? -1 : view.getUint32(0, true);
    if (size < 4 || size % 4 !== 0 || size > bytes.length - 4) {
      throw new UserError(`${place}.precompiled_charsmap: it is cut short or no table of replacements`);
    }
    this.#units = Uint32Array.from({ length: size / 4 }, (_, index) => view.getUint32(4 + 4 * index, true));
    this.#replacements = bytes.subarray(4 + size);
  }

  normalize(cluster: string): string {
    const bytes = new TextEncoder().encode(cluster);
    const whole = bytes.length <= LONGEST_CLUSTER ? this.#replacement(bytes) : undefined;
    if (whole !== undefined) return whole;
    const points = Array.from(cluster, (point) => this.#replacement(new TextEncoder().encode(point)) ?? point);
    return points.join("");
  }

  /** The replacement of the shortest text of the table with which the bytes begin. */
  #replacement(bytes: Uint8Array): string | undefined {
    let node = offsetOf(this.#units[0] ?? 0);
    for (const byte of bytes) {
      if (byte === 0) return;
      node ^= byte;
      const unit = this.#units[node];
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return;
      node ^= offsetOf(unit);
      if ((unit >>> 8) & 1) return this.#textAt((this.#units[node] ?? 0) & 0x7fffffff);
    }
    return;
  }

  #textAt(start: number): string {
    const end = this.#replacements.indexOf(0, start);
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(
      this.#replacements.subarray(start, end < 0 ? undefined : end),
    );
  }
}

/** How far the children of a unit of the trie are from it. */
function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}

function bytesOf(base64: string, place: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    throw new UserError(`${place}.precompiled_charsmap: it is no base64`);
  }
}
