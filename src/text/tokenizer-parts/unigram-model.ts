import { z } from "zod";
import { UserError } from "../../errors.ts";
import type { IdList } from "./id-list.ts";
import type { Model } from "./model.ts";
import { PairTable } from "./pair-table.ts";
import { byteTokens, readPart } from "./part.ts";
import { PieceCache } from "./piece-cache.ts";
import { checkToken, type Vocabulary } from "./vocabulary.ts";

const unigramSchema = z.looseObject({
  unk_id: z.int().nonnegative().nullish(),
  byte_fallback: z.boolean().default(false),
  vocab: z.array(z.tuple([z.string(), z.number()])),
});

/** What an unknown character scores below the least likely token. */
const UNKNOWN_PENALTY = 10;

/** SentencePiece's Unigram: of all divisions of a piece into tokens, the one with the highest sum of scores. */
export class UnigramModel implements Model {
  /** Of several tokens with one text the last has its id. */
  readonly vocabulary: Vocabulary;
  readonly #scores: Float64Array;
  readonly #unknown: number | undefined;
  readonly #unknownScore: number;
  readonly #byteFallback: boolean;
  readonly #trie: Trie;
  readonly #cache = new PieceCache();

  constructor(part: unknown, place: string) {
    const { vocab, unk_id, byte_fallback } = readPart(unigramSchema, part, place);
    if (unk_id != null && unk_id >= vocab.length) {
      throw new UserError(`${place}.unk_id: ${unk_id} is the id of none of the ${vocab.length} tokens`);
    }
    const tokens = vocab.map(([token]) => token);
    for (const token of tokens) checkToken(token, `${place}.vocab`);
    this.#scores = Float64Array.from(vocab, ([, score]) => score);
    this.vocabulary = { ids: new Map(tokens.map((token, id) => [token, id])), tokens: new Map(tokens.entries()) };
    this.#trie = new Trie(this.vocabulary.ids);
    this.#unknown = unk_id ?? undefined;
    this.#unknownScore = this.#scores.reduce((one, other) => Math.min(one, other), Infinity) - UNKNOWN_PENALTY;
    this.#byteFallback = byte_fallback;
  }

  encode(piece: string, to: IdList): void {
    this.#cache.append(piece, to, this.#encodeWhole);
  }

  readonly #encodeWhole = (piece: string, to: IdList): void => {
    for (const token of this.#bestTokens(piece)) {
      const id = this.vocabulary.ids.get(token);
      const bytes =
        id === undefined && this.#byteFallback ? byteTokens(token).map((byte) => this.vocabulary.ids.get(byte)) : [id];
      if (bytes.every((byte) => byte !== undefined)) for (const byte of bytes) to.push(byte);
      else to.push(this.#unknownId(token));
    }
  };

  /** The texts of the best tokens; unknown characters side by side are one. */
  #bestTokens(piece: string): string[] {
    const { starts, ids } = this.#bestPath(piece);
    const tokens: string[] = [];
    let unknown = "";
    for (let end = piece.length; end > 0; end = starts[end] ?? 0) {
      const token = piece.slice(starts[end], end);
      if (ids[end] === this.#unknown) {
        unknown = token + unknown;
        continue;
      }
      if (unknown !== "") tokens.push(unknown);
      unknown = "";
      tokens.push(token);
    }
    if (unknown !== "") tokens.push(unknown);
    return tokens.reverse();
  }

  /** Where the last token of the best division of the text up to each place begins, and its id. */
  #bestPath(piece: string): { readonly starts: Int32Array; readonly ids: Int32Array } {
    const starts = new Int32Array(piece.length + 1).fill(-1);
    const ids = new Int32Array(piece.length + 1);
    const scores = new Float64Array(piece.length + 1);
    const offer = (start: number, end: number, id: number, score: number) => {
      const total = score + (scores[start] ?? 0);
      if (starts[end] !== -1 && total <= (scores[end] ?? 0)) return;
      starts[end] = start;
      ids[end] = id;
      scores[end] = total;
    };
    for (let start = 0; start < piece.length; ) {
      const after = start + ((piece.codePointAt(start) ?? 0) > 0xffff ? 2 : 1);
      let single = false;
      this.#trie.prefixes(piece, start, (end, id) => {
        offer(start, end, id, this.#scores[id] ?? 0);
        single ||= end === after;
      });
      if (!single) offer(start, after, this.#unknownId(piece.slice(start, after)), this.#unknownScore);
      start = after;
    }
    return { starts, ids };
  }

  #unknownId(text: string): number {
    if (this.#unknown !== undefined) return this.#unknown;
    throw new UserError(
      `${JSON.stringify(text)} is not in the tokenizer's vocabulary, and there is no unknown token, ` +
        "expected only text that it covers; remove that text or take a byte-level tokenizer",
    );
  }
}

/** Texts by their beginnings, in UTF-16 units. */
class Trie {
  /** From a node by a unit to the next node; the root is 0. */
  readonly #children: PairTable;
  /** The id of the text that ends at each node, -1 for none. */
  readonly #ids: number[] = [-1];

  constructor(texts: ReadonlyMap<string, number>) {
    this.#children = new PairTable(4 * texts.size);
    for (const [text, id] of texts) {
      let node = 0;
      for (let index = 0; index < text.length; index++) {
        let child = this.#children.get(node, text.charCodeAt(index));
        if (child === -1) {
          child = this.#ids.push(-1) - 1;
          this.#children.set(node, text.charCodeAt(index), child);
        }
        node = child;
      }
      this.#ids[node] = id;
    }
  }

  /** Calls back with the end and the id of each text that is in `text` at `start`, the shortest first; of none empty. */
  prefixes(text: string, start: number, found: (end: number, id: number) => void): void {
    let node = 0;
    for (let index = start; index < text.length; index++) {
      node = this.#children.get(node, text.charCodeAt(index));
      if (node === -1) return;
      const id = this.#ids[node] ?? -1;
      if (id !== -1) found(index + 1, id);
    }
  }
}
