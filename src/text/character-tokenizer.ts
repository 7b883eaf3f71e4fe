import { z } from "zod";
import { UserError } from "../errors.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { bytePairJson } from "./tokenizer-json.ts";

/** The text of the token for all characters that the vocabulary lacks. */
const UNKNOWN = "<unk>";

/** Marks a code point without a token. */
const ABSENT = -1;

/** An option of byte-pair encodings that is not used. */
const ABSENT_OPTION = z.union([z.literal(false), z.null(), z.undefined()]);

/** The part of a tokenizer.json that makes it a character tokenizer: a byte-pair encoding without a single merge. */
const characterJson = z.looseObject({
  added_tokens: z.tuple([]),
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
}

/**
 * One token for each distinct character of a text, sorted by code point, as in the lecture.
 *
 * A character is a Unicode code point; half of a surrogate pair that stands alone counts as one too. The token `<unk>`,
 * if wanted, has the last id. `toJSON` is a valid tokenizer.json (a byte-pair encoding that merges nothing), so that
 * other tools read it too.
 */
export class CharacterTokenizer implements Tokenizer {
  readonly kind = "character";
  readonly vocabularySize: number;
  /** The text of each id. */
  readonly #tokens: readonly string[];
  /** The id of each code point up to the highest in the vocabulary. */
  readonly #ids: Int32Array;
  /** The id of `<unk>`, or ABSENT. */
  readonly #unknown: number;

  private constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
    this.vocabularySize = tokens.length;
    this.#unknown = tokens.indexOf(UNKNOWN);
    const codePoints = tokens.map((token) => (token === UNKNOWN ? ABSENT : (token.codePointAt(0) ?? ABSENT)));
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
   * @throws UserError for an empty text without `unknown`: a vocabulary of nothing.
   */
  static fromText(text: string, options: CharacterOptions = {}): CharacterTokenizer {
    const codePoints = Array.from(new Set(text), (character) => character.codePointAt(0) ?? 0);
    const tokens = codePoints.sort((one, other) => one - other).map((codePoint) => String.fromCodePoint(codePoint));
    if (options.unknown) {
      tokens.push(UNKNOWN);
    }
    if (tokens.length === 0) {
      throw new UserError("The text for a character vocabulary is empty, expected at least one character; give a text");
    }
    return new CharacterTokenizer(tokens);
  }

  /** The tokenizer that a tokenizer.json describes, or `undefined` if it describes one of another kind. */
  static fromJSON(json: unknown): CharacterTokenizer | undefined {
    const parsed = characterJson.safeParse(json);
    if (!parsed.success) {
      return undefined;
    }
    const { vocab, unk_token } = parsed.data.model;
    const entries = Object.entries(vocab).sort(([, one], [, other]) => one - other);
    const valid = entries.every(
      ([token, id], index) => id === index && (token === unk_token || [...token].length === 1),
    );
    return valid && entries.length > 0 ? new CharacterTokenizer(entries.map(([token]) => token)) : undefined;
  }

  encode(text: string): Uint32Array {
    const ids = new Uint32Array(text.length);
    let count = 0;
    for (let index = 0; index < text.length; index++) {
      const codePoint = text.codePointAt(index) ?? 0;
      let id = this.#ids[codePoint] ?? ABSENT;
      if (id === ABSENT) {
        id = this.#unknown;
        if (id === ABSENT) {
          throw unknownCharacter(text, index, codePoint);
        }
      }
      ids[count++] = id;
      if (codePoint > 0xffff) {
        index++; // the second half of a surrogate pair
      }
    }
    return ids.slice(0, count);
  }

  decode(ids: ArrayLike<number>): string {
    return Array.from(ids, (id) => this.#tokens[id] ?? "").join("");
  }

  toJSON(): unknown {
    return bytePairJson({
      tokens: this.#tokens,
      merges: [],
      ...(this.#unknown !== ABSENT && { unknownToken: UNKNOWN }),
      decoder: { type: "Fuse" },
    });
  }
}

/** The error for a character without a token: which it is, where it stands and what helps. */
function unknownCharacter(text: string, index: number, codePoint: number): UserError {
  const before = text.slice(0, index);
  const line = before.split("\n").length;
  const column = [...before.slice(before.lastIndexOf("\n") + 1)].length + 1;
  const name = `U+${codePoint.toString(16).toUpperCase().padStart(4, "0")}`;
  return new UserError(
    `Character ${JSON.stringify(String.fromCodePoint(codePoint))} (${name}) at ${line}:${column} is not in the vocabulary, ` +
      "expected only characters of the text it was made from; remove it, or train a model with the tokenizer " +
      '"character+unknown" or "bpe:1024"',
  );
}
