import type { Tokenizer } from "./tokenizer.ts";

/** What a decoder writes for bytes that are no character, or not yet. */
const REPLACEMENT = "\uFFFD";

/** Fewer tokens before the next are not asked for: enough for a character of four bytes. */
const MEMORY = 4;

/**
 * Decodes token by token, as a model generates them: the text of all tokens less the text of the context.
 *
 * What a token adds depends on those before it: the first token of a text loses its space with tokenizers like
 * SentencePiece's, and several tokens can make one character. So each is decoded together with the few before it, at first
 * with the last of the context, and an unfinished character is held back until it is complete or the text ends.
 */
export class StreamDecoder {
  readonly #tokenizer: Tokenizer;
  /** Tokens whose text has been returned, or came before: as many as what follows depends on. */
  #known: number[];
  /** Their text. */
  #knownText: string;
  /** Tokens that await others. */
  #pending: number[] = [];
  /** How much of the text of the pending tokens has been returned, in UTF-16 units. */
  #returned = 0;

  /** @param context the tokens of the text before, such as a prompt's; none by default. */
  constructor(tokenizer: Tokenizer, context: ArrayLike<number> = []) {
    this.#tokenizer = tokenizer;
    this.#known = Array.from(context);
    this.#knownText = tokenizer.decode(this.#known);
    this.#forget();
  }

  /** Takes the next token and returns the text that has become complete, often that of this token, perhaps none. */
  push(id: number): string {
    this.#pending.push(id);
    const text = this.#added(this.#pending);
    const complete = completeLength(text);
    const fresh = text.slice(this.#returned, complete);
    if (complete < text.length) {
      this.#returned = Math.max(this.#returned, complete);
    } else {
      this.#known.push(...this.#pending);
      this.#knownText = this.#tokenizer.decode(this.#known);
      this.#pending = [];
      this.#returned = 0;
      this.#forget();
    }
    return fresh;
  }

  /**
   * The text that a token would add, next, to the complete text so far, for showing it by itself: "�" for a part of a
   * character. Changes nothing.
   */
  peek(id: number): string {
    return this.#added([id]);
  }

  /** Ends the text and returns what was held back: "�" for an unfinished character, or nothing. */
  end(): string {
    const rest = this.#added(this.#pending).slice(this.#returned);
    this.#known = [];
    this.#knownText = "";
    this.#pending = [];
    this.#returned = 0;
    return rest;
  }

  /** What tokens add to the text of those before them. */
  #added(ids: readonly number[]): string {
    const text = this.#tokenizer.decode([...this.#known, ...ids]);
    if (text.startsWith(this.#knownText)) return text.slice(this.#knownText.length);
    // They may complete a character within which the context ends.
    const complete = completeLength(this.#knownText);
    if (complete < this.#knownText.length && text.startsWith(this.#knownText.slice(0, complete))) {
      return text.slice(complete);
    }
    // A decoder may take back what it wrote, as for bytes after which others are no characters: then they stand alone.
    return this.#tokenizer.decode(ids);
  }

  /** Keeps the last tokens only, where these are as good as all. */
  #forget(): void {
    for (let count = MEMORY; 2 * count < this.#known.length; count += Math.max(1, count >> 3)) {
      const last = this.#known.slice(-count);
      const text = this.#tokenizer.decode(last);
      // A text of their own at whose start nothing more can change, and that begins with a whole character.
      if (text.trim() !== "" && !text.startsWith(REPLACEMENT) && this.#knownText.endsWith(text.trimStart())) {
        this.#known = last;
        this.#knownText = text;
        return;
      }
    }
  }
}

/**
 * The length of a text without what further tokens could make other characters of. That may be more than three bytes: some
 * decoders write a replacement for each byte of several characters of which the last is unfinished.
 */
function completeLength(text: string): number {
  let length = text.length;
  while (length > 0 && text[length - 1] === REPLACEMENT) length--;
  return length;
}
