import { UserError } from "../errors.ts";
import { Random } from "../random.ts";
import { type DocumentSource, firstOfRows, learnableDocuments, leastContext, rowFrom } from "./documents.ts";
import type { TokenSource } from "./token-source.ts";

/** Windows of text for one pass of a model: after each token, `targets` holds the token that follows it. */
export interface Batch {
  /** Token ids, [sequences, context], row by row. */
  readonly tokens: Int32Array;
  /** The id that follows each token, [sequences, context]. */
  readonly targets: Int32Array;
  readonly sequences: number;
  /** Tokens in a sequence. */
  readonly context: number;
  /** What each target counts, 1 or 0, [sequences, context]. Default: 1. */
  readonly weights?: Float32Array;
  /** The document of each token, among which alone it attends, [sequences, context]. Default: one for all. */
  readonly documents?: Int32Array;
}

/** Which random windows to draw. */
export interface RandomBatchOptions {
  readonly seed: number;
  /** The step of training. */
  readonly step: number;
  /** Sequences in the whole batch of the step. */
  readonly sequences: number;
  /** Tokens in a sequence. */
  readonly context: number;
  /** A name that sets draws for different purposes apart; "train" by default. */
  readonly stream?: string;
  /** The rows of the step's batch that are drawn, `from` to `to - 1`, as a micro-batch. All of them by default. */
  readonly rows?: { readonly from: number; readonly to: number };
}

/**
 * Windows that begin anywhere in the source, each place as likely as the others; of documents, they begin with any of these
 * of which something is learned in a window.
 *
 * A row depends on the seed, the stream, the step and its number alone. So a resumed run draws what the first would have
 * drawn, and micro-batches of any size together are the same batch.
 *
 * @throws UserError for a source shorter than context + 1 tokens, and for documents of which nothing is learned in so many.
 */
export function randomBatch(source: TokenSource, options: RandomBatchOptions): Batch {
  const { seed, step, sequences, context, stream = "train", rows = { from: 0, to: sequences } } = options;
  checkShape(sequences, context);
  requireTokens(source, context, "The text");
  if (rows.from < 0 || rows.from > rows.to || rows.to > sequences) {
    throw new RangeError(`A batch of ${sequences} sequences has no rows ${rows.from} to ${rows.to}`);
  }
  const count = rows.to - rows.from;
  if (hasDocuments(source)) {
    const documents = learnableDocuments(source, context);
    const firsts = Array.from({ length: count }, (_, row) => {
      const drawn = Random.from("batch", stream, seed, step, rows.from + row).integer(documents.length);
      return documents[drawn] ?? 0;
    });
    return batchOf(source, firsts, context, false);
  }
  const tokens = new Int32Array(count * context);
  const targets = new Int32Array(count * context);
  for (let row = 0; row < count; row++) {
    const start = Random.from("batch", stream, seed, step, rows.from + row).integer(source.length - context);
    const window = source.read(start, context + 1);
    tokens.set(window.subarray(0, context), row * context);
    targets.set(window.subarray(1), row * context);
  }
  return { tokens, targets, sequences: count, context };
}

export function hasDocuments(source: TokenSource): source is DocumentSource {
  return source.documents !== undefined;
}

/** The rows that begin with some documents. */
function batchOf(source: DocumentSource, firsts: readonly number[], context: number, whole: boolean): Batch {
  const size = firsts.length * context;
  const [tokens, targets, documents] = [new Int32Array(size), new Int32Array(size), new Int32Array(size)];
  const weights = new Float32Array(size);
  for (const [row, first] of firsts.entries()) {
    const found = rowFrom(source, first, context, whole);
    tokens.set(found.tokens, row * context);
    targets.set(found.targets, row * context);
    documents.set(found.documents, row * context);
    weights.set(found.weights, row * context);
  }
  const separate = source.documents.separate && { documents };
  return { tokens, targets, sequences: firsts.length, context, weights, ...separate };
}

/** Tokens of one pass of a model, where nothing else is asked for: more cost memory and are not faster. */
const TOKENS_PER_PASS = 4096;

/** The sequences of one pass: as many as make 4096 tokens, at least one. */
export function sequencesPerPass(context: number): number {
  return Math.max(1, Math.floor(TOKENS_PER_PASS / context));
}

/** How to cover a source with windows. */
export interface ConsecutiveBatchOptions {
  /** Sequences in a batch; fewer in the last. `sequencesPerPass` of the context by default. */
  readonly sequences?: number;
  /** Tokens in a sequence. */
  readonly context: number;
  /** Targets after which it stops; all of them by default. */
  readonly maxTokens?: number;
}

/**
 * Windows one after another, for evaluation: every token but the first is a target exactly once, in order.
 *
 * What is left for less than a whole window is a batch of its own, one sequence of that length. A source of fewer than
 * two tokens yields nothing. Windows of documents begin with one, and hold as many whole ones as fit.
 */
export function* consecutiveBatches(source: TokenSource, options: ConsecutiveBatchOptions): Generator<Batch> {
  const { context, sequences = sequencesPerPass(context), maxTokens = Number.POSITIVE_INFINITY } = options;
  checkShape(sequences, context);
  if (hasDocuments(source)) {
    const firsts = firstOfRows(source, context).slice(0, Math.ceil(maxTokens / context));
    for (let row = 0; row < firsts.length; row += sequences) {
      yield batchOf(source, firsts.slice(row, row + sequences), context, true);
    }
    return;
  }
  const targets = Math.max(0, Math.min(source.length - 1, maxTokens));
  const whole = Math.floor(targets / context);
  for (let row = 0; row < whole; row += sequences) {
    yield windowsFrom(source, row * context, Math.min(sequences, whole - row), context);
  }
  const rest = targets - whole * context;
  if (rest > 0) {
    yield windowsFrom(source, whole * context, 1, rest);
  }
}

function checkShape(sequences: number, context: number): void {
  if (!Number.isSafeInteger(sequences) || !Number.isSafeInteger(context) || sequences < 1 || context < 1) {
    throw new RangeError(`A batch needs at least one sequence of one token, not ${sequences} of ${context}`);
  }
}

/** Windows that follow one another without a gap: row by row, they are the text itself. */
function windowsFrom(source: TokenSource, start: number, sequences: number, context: number): Batch {
  const text = new Int32Array(source.read(start, sequences * context + 1));
  return { tokens: text.slice(0, -1), targets: text.slice(1), sequences, context };
}

/**
 * Checks that a source holds at least one window and the token after it, and of documents one in which something is learned.
 *
 * @param name what the source is, at the beginning of a message: "The training text".
 * @throws UserError where it does not.
 */
export function requireTokens(source: TokenSource, context: number, name: string): void {
  if (source.length < context + 1) {
    throw new UserError(
      `${name} has ${source.length} tokens, expected at least ${context + 1} for a context of ${context}; ` +
        "give a longer text or a smaller context",
    );
  }
  if (hasDocuments(source) && learnableDocuments(source, context).length === 0) {
    const least = leastContext(source);
    const remedy = Number.isFinite(least) ? `raise model.context to ${least} at least` : "give some that are not empty";
    throw new UserError(
      `${name} has no document with anything to learn in its first ${context + 1} tokens, expected a completion or a reply there; ${remedy}`,
    );
  }
}
