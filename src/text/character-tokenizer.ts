import { z } from "zod";
import { UserError } from "../errors.ts";
import { type Boundary, wordBoundary } from "./pieces.ts";
import { checkNotTaken, checkSpecialTokens, specialPattern } from "./special-text.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { bytePairJson } from "./tokenizer-json.ts";

/** The text of the token for all characters that the vocabulary lacks. */
const UNKNOWN = "<unk>";

/** The mark of a code point without a token. */
const ABSENT = -1;

/** An option of byte-pair encodings that is not used. */
const ABSENT_OPTION = z.union([z.literal(false), z.null(), z.undefined()]);

/** The part of a tokenizer.json that makes it a character tokenizer: a byte-pair encoding without a single merge. */
const characterJson = z.looseObject({
  added_tokens: z.array(
    z.looseObject({
      id: z.int(),
      content: z.string().min(1),
      special: z.literal(true),
      single_word: ABSENT_OPTION,
      lstrip: ABSENT_OPTION,
      rstrip: ABSENT_OPTION,
      normalized: z.boolean().optional(),
    }),
  ),
  normalizer: z.null(),
  pre_tokenizer: z.null(),
  decoder: z.looseObject({ type: z.literal("Fuse") }),
  model: z.looseObject({
    type: z.literal("BPE"),
    dropout: ABSENT_OPTION,
    continuing_subword_prefix: ABSENT_OPTION,
    end_of_word_suffix: ABSENT_OPTION,
    fuse_unk: ABSENT_OPTION,
    byte_fallback: ABSENT_OPTION,
    unk_token: z.union([z.literal(UNKNOWN), z.null()]),
    merges: z.tuple([]),
    vocab: z.record(z.string(), z.int().nonnegative()),
  }),
});

/** How a character tokenizer is made. */
export interface CharacterOptions {
  /** Adds a token `<unk>` for characters that the text lacks; without it they are errors. False by default. */
  readonly unknown?: boolean;
  /** Tokens that stand for their whole text, such as `<|endoftext|>`; they take the last ids. None by default. */
  readonly specialTokens?: readonly string[];
}

/**
 * One token for each distinct character of a text, sorted by code point, as in the lecture.
 *
 * A character is a Unicode code point; half of a surrogate pair that stands alone counts as one too. The token `<unk>`,
 * if wanted, has the id after theirs, and special tokens those after that. `toJSON` is a valid tokenizer.json (a byte-pair encoding
 * that merges nothing), so that other tools read it too.
 */
export class CharacterTokenizer implements Tokenizer {
  readonly kind = "character";
  readonly vocabularySize: number;
  readonly boundary: Boundary;
  /** The text of each id. */
  readonly #tokens: readonly string[];
  /** The id of each code point up to the highest in the vocabulary. */
  readonly #ids: Int32Array;
  /** The id of `<unk>`, or ABSENT. */
  readonly #unknown: number;
  /** The ids of special tokens by their texts, and what finds them where there are any. */
  readonly #special: ReadonlyMap<string, number>;
  readonly #pattern: RegExp | undefined;

  private constructor(tokens: readonly string[], special: readonly string[]) {
    this.#tokens = tokens;
    this.vocabularySize = tokens.length;
    this.boundary = special.length === 0 ? "anywhere" : wordBoundary(special);
    this.#special = new Map(special.map((token) => [token, tokens.indexOf(token)]));
    this.#pattern = special.length === 0 ? undefined : specialPattern(special);
    this.#unknown = this.#special.has(UNKNOWN) ? ABSENT : tokens.indexOf(UNKNOWN);
    const codePoints = tokens.map((token) =>
      token === UNKNOWN || this.#special.has(token) ? ABSENT : (token.codePointAt(0) ?? ABSENT),
    );
    const highest = codePoints.reduce((one, other) => Math.max(one, other), ABSENT);
    this.#ids = new Int32Array(highest + 1).fill(ABSENT);
    for (const [id, codePoint] of codePoints.entries()) {
      if (codePoint !== ABSENT) {
        this.#ids[codePoint] = id;
      }
    }
  }

  /**
   * The tokenizer of the characters of a text.
   *
   * A special token of one character stands for that character in the text.
   *
   * @throws UserError for an empty text without `unknown`: a vocabulary of nothing; and for special tokens that are empty or the same, or
   * `<unk>` beside `unknown`.
   */
  static fromText(text: string, options: CharacterOptions = {}): CharacterTokenizer {
    const { unknown = false, specialTokens = [] } = options;
    checkSpecialTokens(specialTokens);
    if (unknown && specialTokens.includes(UNKNOWN)) {
      throw new UserError(
        `special tokens: ${UNKNOWN} is that of "character+unknown" for what it lacks; leave it out, or take "character"`,
      );
    }
    const characters = ordered(text).filter((character) => !specialTokens.includes(character));
    if (unknown) {
      characters.push(UNKNOWN);
    }
    return CharacterTokenizer.fromCharacters(characters, specialTokens);
  }

  /**
   * The tokenizer of characters by their ids.
   *
   * @throws UserError for a vocabulary of nothing.
   */
  static fromCharacters(characters: readonly string[], special: readonly string[] = []): CharacterTokenizer {
    if (characters.length === 0) {
      throw new UserError("The text for a character vocabulary is empty, expected at least one character; give a text");
    }
    return new CharacterTokenizer([...characters, ...special], special);
  }

  /** The tokenizer that a tokenizer.json describes, or `undefined` if it describes one of another kind. */
  static fromJSON(json: unknown): CharacterTokenizer | undefined {
    const parsed = characterJson.safeParse(json);
    if (!parsed.success) {
      return undefined;
    }
    const { model, added_tokens } = parsed.data;
    // Those that are not normalised are found first; and an unknown token that has a text of its own stands for both.
    const differ = added_tokens.some(({ normalized }) => normalized !== added_tokens[0]?.normalized);
    if (differ || added_tokens.some(({ content }) => content === model.unk_token)) return undefined;
    const special = new Map(added_tokens.map(({ content, id }) => [content, id]));
    const entries = Object.entries(model.vocab).sort(([, one], [, other]) => one - other);
    const valid = entries.every(
      ([token, id], index) =>
        id === index && (token === model.unk_token || special.get(token) === id || [...token].length === 1),
    );
    const known = added_tokens.every(({ content }) => Object.hasOwn(model.vocab, content));
    return valid && known && entries.length > 0
      ? new CharacterTokenizer(
          entries.map(([token]) => token),
          [...special.keys()],
        )
      : undefined;
  }

  /**
   * The same with the characters and special tokens that it lacks, behind its own; `undefined` where it lacks none.
   *
   * @throws UserError for a special token that is one of its characters: that has learned something else.
   */
  extended(characters: Iterable<string>, special: readonly string[]): CharacterTokenizer | undefined {
    checkNotTaken(special, (token) => this.#tokens.includes(token));
    const missing = ordered(characters).filter((character) => {
      const id = this.#ids[character.codePointAt(0) ?? 0] ?? ABSENT;
      return id === ABSENT && !this.#special.has(character) && !special.includes(character);
    });
    const more = [...missing, ...special];
    if (more.length === 0) return undefined;
    return new CharacterTokenizer([...this.#tokens, ...more], [...this.#special.keys(), ...special]);
  }

  encode(text: string): Uint32Array {
    const ids = new Uint32Array(text.length);
    let count = 0;
    let start = 0;
    for (const found of this.#pattern === undefined ? [] : text.matchAll(this.#pattern)) {
      count = this.#encodeCharacters(text, start, found.index, ids, count);
      ids[count++] = this.#special.get(found[0]) ?? 0;
      start = found.index + found[0].length;
    }
    return ids.slice(0, this.#encodeCharacters(text, start, text.length, ids, count));
  }

  /** Adds the ids of a part of a text behind `count` others, and gives their number. */
  #encodeCharacters(text: string, from: number, to: number, ids: Uint32Array, count: number): number {
    let next = count;
    for (let index = from; index < to; index++) {
      const codePoint = text.codePointAt(index) ?? 0;
      let id = this.#ids[codePoint] ?? ABSENT;
      if (id === ABSENT) {
        id = this.#unknown;
        if (id === ABSENT) {
          throw new UnknownCharacterError(text, index);
        }
      }
      ids[next++] = id;
      if (codePoint > 0xffff) {
        index++; // the second half of a surrogate pair
      }
    }
    return next;
  }

  decode(ids: ArrayLike<number>): string {
    return Array.from(ids, (id) => this.#tokens[id] ?? "").join("");
  }

  toJSON(): unknown {
    return bytePairJson({
      tokens: this.#tokens,
      merges: [],
      addedTokens: Array.from(this.#special, ([content, id]) => ({ id, content })),
      ...(this.#unknown !== ABSENT && { unknownToken: UNKNOWN }),
      decoder: { type: "Fuse" },
    });
  }
}

/** Different characters by their code points. */
function ordered(characters: Iterable<string>): string[] {
  const codePoints = Array.from(new Set(characters), (character) => character.codePointAt(0) ?? 0);
  return codePoints.sort((one, other) => one - other).map((codePoint) => String.fromCodePoint(codePoint));
}

/** A character has no token: which it is, where it stands and what helps. */
export class UnknownCharacterError extends UserError {
  readonly character: string;
  /** "3:14", its line and column in the text, both from 1. */
  readonly place: string;
  readonly #text: string;
  readonly #index: number;

  /**
   * @param where what messages call the text; empty: nothing.
   * @param lines of the text before this part of it.
   */
  constructor(text: string, index: number, where = "", lines = 0) {
    const character = String.fromCodePoint(text.codePointAt(index) ?? 0);
    const place = placeIn(text, index, lines);
    super(unknownCharacter(character, place, where));
    this.character = character;
    this.place = place;
    this.#text = text;
    this.#index = index;
  }

  /** This error of a part of a text, with its place in the whole. */
  in(where: string, lines: number): UnknownCharacterError {
    return new UnknownCharacterError(this.#text, this.#index, where, lines);
  }
}

function placeIn(text: string, index: number, lines: number): string {
  const before = text.slice(0, index);
  const column = [...before.slice(before.lastIndexOf("\n") + 1)].length + 1;
  return `${lines + before.split("\n").length}:${column}`;
}

function unknownCharacter(character: string, place: string, where: string): string {
  const name = `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
  return (
    `${where === "" ? "" : `${where}: `}Character ${JSON.stringify(character)} (${name}) at ${place} is not in the vocabulary, ` +
    "expected only characters of the text it was made from; remove it, or train a model with the tokenizer " +
    '"character+unknown" or "bpe:1024", or take it in while training on: train --from RUN --extend-vocabulary'
  );
}
