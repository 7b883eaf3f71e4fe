/** What the ranks of a run have to have in common, as they find it. */

import { createHash } from "node:crypto";
import type { HostArray } from "../growth/index.ts";
import { type Corpus, hashTokenizer, type TokenSource } from "../text/index.ts";
import type { RunStart } from "./start.ts";

/** Numbers that are looked at, in so many pieces, where there are more: files may be larger than what a start may take. */
const [LOOKED_AT, PIECES] = [2 ** 22, 64];

/** The configuration key by key, the data, and what the run begins with, by what they are called in messages. */
export function factsOf({ config, corpus, state, progress }: RunStart): Record<string, string> {
  return {
    ...factsOfKeys(config),
    ...factsOfData(corpus),
    "the step": String(state.step),
    "the number of growths done": String(progress.growthsDone),
    "what the weights begin as": hashOfArrays([...state.parameters.values()]),
    "what the optimiser begins with": hashOfArrays([...(state.moments?.first.values() ?? [])]),
  };
}

/** The data: what is in it, not its name. */
export function factsOfData({ train, validation, tokenizer }: Corpus): Record<string, string> {
  return {
    "the training data": summaryOf(train),
    "the validation data": summaryOf(validation),
    "the tokenizer": hashTokenizer(tokenizer).slice(0, 12),
  };
}

/** Any value key by key, for example { "training.batch": "12" }. */
export function factsOfKeys(value: unknown, path = ""): Record<string, string> {
  if (typeof value !== "object" || value === null) return { [path]: JSON.stringify(value) ?? "missing" };
  const inner = Object.entries(value).map(([key, below]) => factsOfKeys(below, path === "" ? key : `${path}.${key}`));
  return Object.assign({}, ...inner);
}

function summaryOf(source: TokenSource): string {
  const hash = createHash("sha256");
  for (const [start, length] of piecesOf(source.length)) hash.update(source.read(start, length));
  if (source.documents !== undefined) hash.update(source.documents.learned).update(source.documents.starts);
  return `${source.length} tokens (${hash.digest("hex").slice(0, 12)})`;
}

function hashOfArrays(arrays: readonly HostArray[]): string {
  const hash = createHash("sha256");
  for (const { shape, data } of arrays) {
    hash.update(shape.join());
    for (const [start, length] of piecesOf(data.length)) hash.update(data.subarray(start, start + length));
  }
  return hash.digest("hex").slice(0, 12);
}

/** All of so many numbers, or pieces from the beginning to the end. */
function piecesOf(length: number): (readonly [start: number, length: number])[] {
  if (length <= LOOKED_AT) return [[0, length]];
  const each = LOOKED_AT / PIECES;
  return Array.from({ length: PIECES }, (_, piece) => [Math.floor((piece * (length - each)) / (PIECES - 1)), each]);
}
