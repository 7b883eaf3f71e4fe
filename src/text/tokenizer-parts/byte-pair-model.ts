import { z } from "zod";
import { UserError } from "../../errors.ts";
import type { IdList } from "./id-list.ts";
import { MergeQueue } from "./merge-queue.ts";
import type { Model } from "./model.ts";
import { PairTable } from "./pair-table.ts";
import { byteTokens, readPart, unsupported } from "./part.ts";
import { PieceCache } from "./piece-cache.ts";
import { readVocabulary, shown, type Vocabulary } from "./vocabulary.ts";

const bytePairSchema = z.looseObject({
  dropout: z.number().nullish(),
  unk_token: z.string().nullish(),
  continuing_subword_prefix: z.string().nullish(),
  end_of_word_suffix: z.string().nullish(),
  fuse_unk: z.boolean().nullish(),
  byte_fallback: z.boolean().nullish(),
  ignore_merges: z.boolean().nullish(),
  merges: z.array(z.unknown()),
});

/** Longer pieces, in UTF-16 units, are cut where no merge can reach across. */
const LONG = 64;

/** White space, or SentencePiece's mark of it, at the end of a token. */
const ENDS_WHITE = /[\p{White_Space}\u2581]$/u;

/** No position, before the first and after the last symbol. */
const NONE = -1;

/**
 * Byte-pair encoding: a piece begins as one symbol a character, and the pair of neighbours with the earliest merge
 * becomes one symbol, again and again.
 */
export class BytePairModel implements Model {
  readonly vocabulary: Vocabulary;
  readonly #options: z.infer<typeof bytePairSchema>;
  readonly #unknown: number | undefined;
  /** The rank of the merge of two symbols, and by rank the symbol that comes of it. */
  readonly #ranks: PairTable;
  readonly #merged: Int32Array;
  readonly #cache = new PieceCache();
  /** Neighbours within tokens, as code points; made for the first long piece. */
  #neighbours: PairTable | undefined;

  constructor(part: unknown, place: string) {
    this.#options = readPart(bytePairSchema, part, place);
    const { dropout, merges, unk_token } = this.#options;
    if (dropout != null && dropout !== 0) throw unsupported(`${place}.dropout`, "leaving out merges at random");
    this.vocabulary = readVocabulary(this.#options["vocab"], `${place}.vocab`);
    this.#unknown = unk_token == null ? undefined : this.vocabulary.ids.get(unk_token);
    const pairs = readMerges(merges, `${place}.merges`);
    this.#ranks = new PairTable(pairs.length);
    this.#merged = Int32Array.from(pairs, ([left, right], rank) => this.#addMerge(left, right, rank, place));
  }

  encode(piece: string, to: IdList): void {
    const whole = this.#options.ignore_merges === true ? this.vocabulary.ids.get(piece) : undefined;
    if (whole !== undefined) {
      to.push(whole);
      return;
    }
    const parts = piece.length > LONG ? this.#separable(piece) : [piece];
    for (const part of parts) this.#cache.append(part, to, this.#encodeWhole);
  }

  /** Whether the character is a token and no merge joins it to a character before it that is not white space. */
  dividesBefore(character: string): boolean {
    const { continuing_subword_prefix, end_of_word_suffix, ignore_merges, merges } = this.#options;
    if (continuing_subword_prefix || end_of_word_suffix || ignore_merges === true) return false;
    if (!this.vocabulary.ids.has(character)) return false;
    return readMerges(merges, "merges").every(([left, right]) => !right.startsWith(character) || ENDS_WHITE.test(left));
  }

  #addMerge(left: string, right: string, rank: number, place: string): number {
    const prefix = this.#options.continuing_subword_prefix ?? "";
    const [leftId, rightId] = [this.vocabulary.ids.get(left), this.vocabulary.ids.get(right)];
    const merged = this.vocabulary.ids.get(left + right.slice(prefix.length));
    if (leftId === undefined || rightId === undefined || merged === undefined) {
      throw new UserError(
        `${place}.merges.${rank}: ${shown(left)} and ${shown(right)} with what they make are not all in the vocabulary`,
      );
    }
    this.#ranks.set(leftId, rightId, rank);
    return merged;
  }

  readonly #encodeWhole = (piece: string, to: IdList): void => {
    const symbols = this.#symbolsOf(piece);
    const next = Int32Array.from(symbols, (_, index) => (index + 1 < symbols.length ? index + 1 : NONE));
    this.#merge(symbols, next);
    for (let position = symbols.length > 0 ? 0 : NONE; position !== NONE; position = next[position] ?? NONE) {
      to.push(symbols[position] ?? 0);
    }
  };

  /** Makes all merges, in place: a symbol takes the position of its left part, `next` leads on from symbol to symbol. */
  #merge(symbols: number[], next: Int32Array): void {
    const previous = Int32Array.from(next, (_, index) => index - 1);
    const queue = new MergeQueue();
    const consider = (position: number) => {
      const following = next[position] ?? NONE;
      if (following === NONE) return;
      const rank = this.#ranks.get(symbols[position] ?? 0, symbols[following] ?? 0);
      if (rank >= 0) queue.push(rank, position);
    };
    for (let position = 0; position < symbols.length; position++) consider(position);
    for (let top = queue.pop(); top !== undefined; top = queue.pop()) {
      const { rank, position } = top;
      const following = next[position] ?? NONE;
      // One of the two may have been merged otherwise since the merge was queued.
      if (following === NONE || symbols[position] === NONE) continue;
      if (this.#ranks.get(symbols[position] ?? 0, symbols[following] ?? 0) !== rank) continue;
      symbols[position] = this.#merged[rank] ?? 0;
      symbols[following] = NONE;
      const after = next[following] ?? NONE;
      next[position] = after;
      if (after !== NONE) previous[after] = position;
      const before = previous[position] ?? NONE;
      if (before !== NONE) consider(before);
      consider(position);
    }
  }

  /** The symbol of each character. */
  #symbolsOf(piece: string): number[] {
    const { continuing_subword_prefix, end_of_word_suffix, fuse_unk, byte_fallback } = this.#options;
    const symbols: number[] = [];
    let unknowns = 0; // not yet written: several may become one, and bytes of what follows them come before
    const flush = () => {
      for (; unknowns > 0; unknowns--) symbols.push(this.#unknown ?? 0);
    };
    let position = 0;
    for (const character of piece) {
      const start = position === 0 ? "" : (continuing_subword_prefix ?? "");
      position += character.length;
      const symbol = start + character + (position === piece.length ? (end_of_word_suffix ?? "") : "");
      const id = this.vocabulary.ids.get(symbol);
      if (id !== undefined) {
        flush();
        symbols.push(id);
        continue;
      }
      const bytes =
        byte_fallback === true ? byteTokens(symbol).map((byte) => this.vocabulary.ids.get(byte)) : [undefined];
      if (bytes.every((byte) => byte !== undefined)) {
        symbols.push(...bytes);
        continue;
      }
      if (this.#unknown === undefined) throw this.#unknownCharacter(character);
      if (unknowns > 0 && fuse_unk !== true) flush();
      unknowns = 1;
    }
    flush();
    return symbols;
  }

  #unknownCharacter(character: string): UserError {
    const token = this.#options.unk_token;
    const unknown = token == null ? "there is no unknown token" : `the unknown token ${shown(token)} neither`;
    return new UserError(
      `Character ${JSON.stringify(character)} is not in the tokenizer's vocabulary, and ${unknown}, ` +
        "expected only text that it covers; remove that text or take a byte-level tokenizer",
    );
  }

  /**
   * Cuts a piece between characters that stand side by side in no token, so that no merge joins them: a text that is not
   * divided into words before, as those of SentencePiece, is encoded word by word all the same.
   */
  *#separable(piece: string): Generator<string> {
    const { continuing_subword_prefix, end_of_word_suffix } = this.#options;
    if (continuing_subword_prefix || end_of_word_suffix) {
      yield piece;
      return;
    }
    this.#neighbours ??= neighboursIn(this.vocabulary.ids.keys());
    let start = 0;
    let position = 0;
    let before: string | undefined;
    for (const character of piece) {
      // Beside a character that is no token stands a symbol of another text.
      const known = this.vocabulary.ids.has(character) ? character : undefined;
      if (before !== undefined && known !== undefined && this.#apart(before, known)) {
        yield piece.slice(start, position);
        start = position;
      }
      position += character.length;
      before = known;
    }
    yield piece.slice(start);
  }

  #apart(left: string, right: string): boolean {
    return this.#neighbours?.get(left.codePointAt(0) ?? 0, right.codePointAt(0) ?? 0) === -1;
  }
}

/** The characters that follow one another in some token, as pairs of code points. */
function neighboursIn(tokens: Iterable<string>): PairTable {
  const neighbours = new PairTable();
  for (const token of tokens) {
    let before: number | undefined;
    for (const character of token) {
      const codePoint = character.codePointAt(0) ?? 0;
      if (before !== undefined) neighbours.set(before, codePoint, 1);
      before = codePoint;
    }
  }
  return neighbours;
}

/** The pairs of tokens to be merged, in order: arrays of two, or "left right" as in files of old. */
function readMerges(merges: readonly unknown[], place: string): [string, string][] {
  const listed = typeof merges[0] === "string" ? merges.filter((merge) => !isVersion(merge)) : merges;
  return listed.map((merge, index) => {
    const parts: unknown[] = typeof merge === "string" ? merge.split(" ") : Array.isArray(merge) ? merge : [];
    const [left, right] = parts;
    if (typeof left !== "string" || typeof right !== "string" || parts.length !== 2) {
      throw new UserError(`${place}.${index}: ${shown(merge)} is no pair of tokens`);
    }
    return [left, right];
  });
}

const isVersion = (merge: unknown): boolean => typeof merge === "string" && merge.startsWith("#version");
