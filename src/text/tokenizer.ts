import type { Boundary } from "./pieces.ts";
import type { TokenizerSettings } from "./tokenizer-settings.ts";

/** Turns text into token ids and back. */
export interface Tokenizer {
  /** `character`: one token a character; `json`: whatever a Hugging Face tokenizer.json describes. */
  readonly kind: "character" | "json";
  /** Ids are whole numbers from 0 to `vocabularySize - 1`. */
  readonly vocabularySize: number;
  /** What is known beside the vocabulary: which tokens begin and end texts, and the form of conversations. Default: nothing. */
  readonly settings?: TokenizerSettings | undefined;
  /** Where a text can be divided so that the tokens of its parts are those of the whole. Default: nowhere. */
  readonly boundary?: Boundary;
  /**
   * The token ids of a text, without special tokens before or after it.
   *
   * @param continues whether it goes on a text that was divided at its `boundary`: then no space is put before it. Default: no.
   * @throws UserError for a character that the vocabulary lacks.
   */
  encode(text: string, continues?: boolean): Uint32Array;
  /** The text of token ids. Ids that have no token, as in a padded vocabulary, stand for no text. */
  decode(ids: ArrayLike<number>): string;
  /** The contents of a tokenizer.json from which `loadTokenizer` makes this tokenizer again. */
  toJSON(): unknown;
}
