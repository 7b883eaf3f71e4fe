/** The held-out documents of a text, on one half of which rates and sizes are chosen and on the other results are reported. */

import { UserError } from "../../errors.ts";
import type { Inference, TokenBatch } from "../../inference/index.ts";
import type { Corpus, TokenSource } from "../../text/index.ts";

/** Held-out tokens, from `start` on. */
export interface Document {
  readonly start: number;
  readonly length: number;
}

/** The loss of a document, and the tokens that it was measured on. */
export interface DocumentLoss {
  readonly loss: number;
  readonly tokens: number;
}

/** The half of the documents for choosing learning rates and sizes, or that for what is told. */
export type Half = "tuning" | "report";

/** Documents are at least this share of the held-out text, so that a few stand for all of it. */
const LEAST_SHARE = 1 / 64;

/** Sequences of a pass. */
const SEQUENCES = 16;

/** Tokens that are decoded at once, where ends of lines are looked for. */
const PIECE = 1 << 16;

/**
 * The held-out text as documents: lines, short ones joined. Of the State of the Union each is an address or two.
 * @throws UserError where there are fewer than four, too few to choose by some and report others
 */
export function documentsOf({ name, validation, tokenizer }: Corpus, context: number): Document[] {
  const least = Math.max(2 * context, validation.length * LEAST_SHARE);
  const ends = endsOfLines(validation, (tokens) => tokenizer.decode(tokens));
  const found: Document[] = [];
  let start = 0;
  for (const end of ends) {
    if (end - start < least) continue;
    found.push({ start, length: end - start });
    start = end;
  }
  if (found.length >= 4) return found;
  throw new UserError(
    `${name}: its held-out part has ${found.length} documents, lines of at least ${Math.ceil(least)} tokens together; a frontier needs 4: hold out more text with --validation`,
  );
}

/** Where lines end: after each token whose text has a line break. */
function endsOfLines(source: TokenSource, textOf: (tokens: Uint32Array) => string): number[] {
  const breaks = new Map<number, boolean>();
  const hasBreak = (token: number) => {
    const known = breaks.get(token) ?? textOf(Uint32Array.of(token)).includes("\n");
    breaks.set(token, known);
    return known;
  };
  const ends: number[] = [];
  for (let start = 0; start < source.length; start += PIECE) {
    const tokens = source.read(start, Math.min(PIECE, source.length - start));
    for (const [index, token] of tokens.entries()) if (hasBreak(token)) ends.push(start + index + 1);
  }
  return ends;
}

/** The documents of a half: every other one. */
export function halfOf<Item>(documents: readonly Item[], half: Half): Item[] {
  return documents.filter((_, index) => index % 2 === (half === "tuning" ? 0 : 1));
}

/** The losses of all documents, on about so many tokens in all, by windows evenly spaced over each. */
export async function documentLosses(
  inference: Inference,
  source: TokenSource,
  documents: readonly Document[],
  { context, tokens }: { readonly context: number; readonly tokens: number },
): Promise<DocumentLoss[]> {
  const all = documents.reduce((sum, { length }) => sum + length, 0);
  const losses: DocumentLoss[] = [];
  for (const document of documents) {
    const fitting = Math.floor((document.length - 1) / context);
    const windows = Math.min(fitting, Math.max(1, Math.round((tokens * document.length) / all / context)));
    losses.push(await inference.evaluate(batchesOf(source, document, windows, context)));
  }
  return losses;
}

function* batchesOf(
  source: TokenSource,
  { start, length }: Document,
  windows: number,
  context: number,
): Generator<TokenBatch> {
  for (let first = 0; first < windows; first += SEQUENCES) {
    const sequences = Math.min(SEQUENCES, windows - first);
    const [tokens, targets] = [new Int32Array(sequences * context), new Int32Array(sequences * context)];
    for (let row = 0; row < sequences; row++) {
      const from = start + Math.floor(((first + row) * (length - context - 1)) / Math.max(1, windows - 1));
      const window = source.read(from, context + 1);
      tokens.set(window.subarray(0, context), row * context);
      targets.set(window.subarray(1), row * context);
    }
    yield { tokens, targets, sequences, context };
  }
}
