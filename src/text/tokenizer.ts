import { CharacterTokenizer } from "./character-tokenizer.ts";
import { JsonTokenizer } from "./json-tokenizer.ts";

/** Turns text into token ids and back. */
export interface Tokenizer {
  /** `character`: one token a character; `json`: whatever a Hugging Face tokenizer.json describes. */
  readonly kind: "character" | "json";
  /** Ids are whole numbers from 0 to `vocabularySize - 1`. */
  readonly vocabularySize: number;
  /**
   * The token ids of a text, without special tokens before or after it.
   *
   * @throws UserError for a character that the vocabulary lacks.
   */
  encode(text: string): Uint32Array;
  /** The text of token ids. Ids that have no token, as in a padded vocabulary, stand for no text. */
  decode(ids: ArrayLike<number>): string;
  /** The contents of a tokenizer.json from which `loadTokenizer` makes this tokenizer again. */
  toJSON(): unknown;
}

/**
 * The tokenizer that the parsed contents of a tokenizer.json describe.
 *
 * @param where the file or place the contents came from, for messages.
 * @throws UserError where they describe none.
 */
export function loadTokenizer(json: unknown, where: string): Tokenizer {
  return CharacterTokenizer.fromJSON(json) ?? new JsonTokenizer(json, where);
}

/** What a decoder writes for bytes that are no character, or not yet. */
const REPLACEMENT = "\uFFFD";

/** How many tokens before the next are decoded again with it. */
const MEMORY = 4;

/**
 * Decodes token by token, as a model generates them.
 *
 * Each token is decoded together with the few before it, as some tokenizers treat the first token of a text differently
 * and byte-level tokens can end within a character. Such an unfinished character is held back until it is complete.
 */
export class StreamDecoder {
  readonly #tokenizer: Tokenizer;
  #recent: number[] = [];
  /** How much of the text of the recent tokens has been returned, in UTF-16 units. */
  #returned = 0;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** Takes the next token and returns the text that has become complete, often that of this token, perhaps none. */
  push(id: number): string {
    this.#recent.push(id);
    const text = this.#tokenizer.decode(this.#recent);
    const end = completeLength(text);
    const fresh = text.slice(this.#returned, end);
    if (end < text.length) {
      this.#returned = Math.max(this.#returned, end);
    } else {
      this.#recent = this.#recent.slice(-MEMORY);
      this.#returned = this.#tokenizer.decode(this.#recent).length;
    }
    return fresh;
  }

  /** Ends the text and returns what was held back: "�" for an unfinished character, or nothing. */
  end(): string {
    const rest = this.#tokenizer.decode(this.#recent).slice(this.#returned);
    this.#recent = [];
    this.#returned = 0;
    return rest;
  }
}

/** The length of a text without a last character that further bytes could complete. */
function completeLength(text: string): number {
  return text.endsWith(REPLACEMENT) ? text.length - REPLACEMENT.length : text.length;
}
