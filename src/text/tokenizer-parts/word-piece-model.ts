import { z } from "zod";
import { UserError } from "../../errors.ts";
import type { IdList } from "./id-list.ts";
import type { Model } from "./model.ts";
import { readPart } from "./part.ts";
import { PieceCache } from "./piece-cache.ts";
import { readVocabulary, shown, type Vocabulary } from "./vocabulary.ts";

const wordPieceSchema = z.looseObject({
  unk_token: z.string().default("[UNK]"),
  continuing_subword_prefix: z.string().default("##"),
  max_input_chars_per_word: z.int().nonnegative().default(100),
});

/** BERT's WordPiece: the longest token with which a word begins, then the longest with which the rest does, and so on. */
export class WordPieceModel implements Model {
  readonly vocabulary: Vocabulary;
  readonly #options: z.infer<typeof wordPieceSchema>;
  readonly #longest: number;
  readonly #cache = new PieceCache();

  constructor(part: unknown, place: string) {
    this.#options = readPart(wordPieceSchema, part, place);
    this.vocabulary = readVocabulary(this.#options["vocab"], `${place}.vocab`);
    this.#longest = Array.from(this.vocabulary.ids.keys()).reduce(
      (longest, { length }) => Math.max(longest, length),
      0,
    );
  }

  encode(piece: string, to: IdList): void {
    this.#cache.append(piece, to, this.#encodeWord);
  }

  readonly #encodeWord = (word: string, to: IdList): void => {
    const ids = [...word].length > this.#options.max_input_chars_per_word ? undefined : this.#tokensOf(word);
    for (const id of ids ?? [this.#unknown(word)]) to.push(id);
  };

  /** `undefined` where some part of the word is no token. */
  #tokensOf(word: string): number[] | undefined {
    const ids: number[] = [];
    for (let start = 0; start < word.length; ) {
      const prefix = start === 0 ? "" : this.#options.continuing_subword_prefix;
      let end = Math.min(word.length, start + this.#longest);
      let id = this.vocabulary.ids.get(prefix + word.slice(start, end));
      while (id === undefined && end > start) id = this.vocabulary.ids.get(prefix + word.slice(start, --end));
      if (id === undefined || end === start) return;
      ids.push(id);
      start = end;
    }
    return ids;
  }

  #unknown(word: string): number {
    const id = this.vocabulary.ids.get(this.#options.unk_token);
    if (id !== undefined) return id;
    throw new UserError(
      `The word ${shown(word)} is not in the tokenizer's vocabulary, and the unknown token ` +
        `${shown(this.#options.unk_token)} neither, expected only text that it covers; remove that text or take a ` +
        "byte-level tokenizer",
    );
  }
}
