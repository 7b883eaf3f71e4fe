/** What the ranks of a run have to have in common, as they find it. */

import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { type Communicator, requireSame } from "../cluster/index.ts";
import { contentOf, piecesOf } from "../data/index.ts";
import type { HostArray } from "../growth/index.ts";
import { type Corpus, hashTokenizer } from "../text/index.ts";
import type { RunStart } from "./start.ts";

/** What is asked of the work of a rank, beside what it trains. */
export interface AskedOfRank {
  /** The folder that it writes. */
  readonly out?: string | undefined;
  readonly resume?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

/**
 * Compares what decides which operations the ranks ask for, before any depends on it: in unlike ones they would wait for ever, or
 * write past the ends of arrays. A folder is compared by its path among ranks of one machine, as others may see it elsewhere.
 * @throws UserError on all ranks if they differ
 */
export async function requireSameOptions(
  communicator: Communicator,
  { out, resume = false, dryRun = false }: AskedOfRank,
): Promise<void> {
  const asked = { "--out": out !== undefined, "--resume": resume, "--dry-run": dryRun };
  const facts = Object.entries(asked).map(([option, given]) => [option, given ? "given" : "missing"]);
  await requireSame(communicator, Object.fromEntries(facts), out === undefined ? {} : { "--out": resolve(out) });
}

/** The configuration key by key, the data, and what the run begins with, by what they are called in messages. */
export async function factsOf({ config, corpus, state, progress }: RunStart): Promise<Record<string, string>> {
  return {
    ...factsOfKeys(config),
    ...(await factsOfData(corpus)),
    "the step": String(state.step),
    "the number of growths done": String(progress.growthsDone),
    "what the weights begin as": hashOfArrays([...state.parameters.values()]),
    "what the optimiser begins with": hashOfArrays([...(state.moments?.first.values() ?? [])]),
  };
}

/** The data: what is in it, not its name. */
export async function factsOfData(corpus: Corpus): Promise<Record<string, string>> {
  const { train, validation } = contentOf(corpus);
  const summaryOf = ({ tokens, hash }: typeof train) => `${tokens} tokens (${hash.slice(0, 12)})`;
  return {
    "the training data": summaryOf(train),
    "the validation data": summaryOf(validation),
    "the tokenizer": (await hashTokenizer(corpus.tokenizer)).slice(0, 12),
  };
}

/** Any value key by key, for example { "training.batch": "12" }. */
export function factsOfKeys(value: unknown, path = ""): Record<string, string> {
  if (typeof value !== "object" || value === null) return { [path]: JSON.stringify(value) ?? "missing" };
  const inner = Object.entries(value).map(([key, below]) => factsOfKeys(below, path === "" ? key : `${path}.${key}`));
  return Object.assign({}, ...inner);
}

function hashOfArrays(arrays: readonly HostArray[]): string {
  const hash = createHash("sha256");
  for (const { shape, data } of arrays) {
    hash.update(shape.join());
    for (const [start, length] of piecesOf(data.length)) hash.update(data.subarray(start, start + length));
  }
  return hash.digest("hex").slice(0, 12);
}
