/** Documents one after the other, of whose tokens some are learned: conversations, of which the replies are. */

import { checkRange, type TokenSource } from "./token-source.ts";

/** What is known of the documents in a sequence of tokens. */
export interface Documents {
  /** Where each begins, in ascending order; the first at 0. */
  readonly starts: Uint32Array;
  /** For each token 1 where it is learned to be predicted, else 0. */
  readonly learned: Uint8Array;
  /** Whether tokens attend to those of their own document alone. */
  readonly separate: boolean;
  /** Where a document came from, for people: a file and a line. */
  placeOf(document: number): string;
}

/** A sequence of tokens that is made of documents. */
export interface DocumentSource extends TokenSource {
  readonly documents: Documents;
}

/** Documents `from` to `to - 1` of a source, numbered from 0. */
export function sliceDocuments(source: DocumentSource, from: number, to: number): DocumentSource {
  const { starts, learned, separate, placeOf } = source.documents;
  const [first, end] = [starts[from] ?? source.length, starts[to] ?? source.length];
  return {
    length: end - first,
    read(start, count) {
      checkRange(end - first, start, count);
      return source.read(first + start, count);
    },
    close: () => source.close(),
    documents: {
      starts: starts.slice(from, to).map((start) => start - first),
      learned: learned.subarray(first, end),
      separate,
      placeOf: (document) => placeOf(from + document),
    },
  };
}

/** One row of a batch: `context` tokens and the one after each, with what is learned of these. */
export interface Row {
  readonly tokens: Uint32Array;
  readonly targets: Uint32Array;
  readonly weights: Float32Array;
  /** The number of each token's document in the row, from 0. */
  readonly documents: Int32Array;
}

/**
 * The row that begins with a document, and goes on with those after it; behind the last comes the first again. Each token is followed by
 * the next of its document; what begins a document is predicted by nothing.
 * @param whole whether nothing is learned of a document that is cut at the end of the row, but for the first, nor of those that come again
 */
export function rowFrom(source: DocumentSource, document: number, context: number, whole: boolean): Row {
  const { documents, length } = source;
  const { starts, learned } = documents;
  const ids = new Uint32Array(context + 1);
  const weights = new Float32Array(context);
  const numbers = new Int32Array(context);
  let next = document;
  for (let at = 0, number = 0; at <= context; number++) {
    const start = starts[next] ?? 0;
    const size = (starts[next + 1] ?? length) - start;
    const count = Math.min(size, context + 1 - at);
    ids.set(source.read(start, count), at);
    numbers.fill(number, at, Math.min(at + count, context));
    const counts = !whole || number === 0 || (count === size && number < starts.length - document);
    for (let index = 1; counts && index < count; index++) weights[at + index - 1] = learned[start + index] ?? 0;
    at += count;
    next = (next + 1) % starts.length;
  }
  return { tokens: ids.subarray(0, context), targets: ids.subarray(1), weights, documents: numbers };
}

/** The documents that rows begin with, such that each is learned once, as far as it fits into a row; none of which nothing is learned. */
export function firstOfRows(source: DocumentSource, context: number): number[] {
  const { documents, length } = source;
  const { starts } = documents;
  const firsts: number[] = [];
  let used = context + 1;
  for (let document = 0; document < starts.length; document++) {
    const size = (starts[document + 1] ?? length) - (starts[document] ?? 0);
    if (used + size > context + 1) {
      firsts.push(document);
      used = 0;
    }
    used += size;
  }
  return firsts.filter((first) => rowFrom(source, first, context, true).weights.includes(1));
}

/** Of each document how many tokens come before the first that is learned, infinitely many where none is. */
function tokensBefore({ documents: { starts, learned }, length }: DocumentSource): number[] {
  return Array.from(starts, (start, document) => {
    const found = learned.subarray(start + 1, starts[document + 1] ?? length).indexOf(1);
    return found < 0 ? Number.POSITIVE_INFINITY : found + 1;
  });
}

const learnable = new WeakMap<DocumentSource, { readonly context: number; readonly documents: readonly number[] }>();

/** The documents of which something is learned where a row begins with them; those of a source are found once. */
export function learnableDocuments(source: DocumentSource, context: number): readonly number[] {
  const known = learnable.get(source);
  if (known?.context === context) return known.documents;
  const documents = tokensBefore(source).flatMap((before, document) => (before <= context ? [document] : []));
  learnable.set(source, { context, documents });
  return documents;
}

/** The least context in which something is learned; infinite where nothing is in any. */
export function leastContext(source: DocumentSource): number {
  return tokensBefore(source).reduce((one, other) => Math.min(one, other), Number.POSITIVE_INFINITY);
}

/** How many documents are longer than a row, and where the first of them came from. */
export function longDocuments({ documents: { starts, placeOf }, length }: DocumentSource, context: number) {
  const long = [...starts.keys()].filter(
    (document) => (starts[document + 1] ?? length) - (starts[document] ?? 0) > context + 1,
  );
  const [first] = long;
  return first === undefined ? undefined : { count: long.length, first: placeOf(first) };
}
