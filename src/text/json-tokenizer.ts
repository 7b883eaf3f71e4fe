import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { messageOf, UserError } from "../errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** The length of a piece of text that is encoded at once, in UTF-16 units: the library needs some 30 bytes for each. */
const PIECE_LENGTH = 2 ** 20;

/**
 * The tokenizers of which a text can be encoded piece by piece: those with GPT-2's division into words, which ends a word
 * wherever white space follows anything else, and no added token that reaches over the end of a line.
 */
const divisibleJson = z.looseObject({
  normalizer: z.union([z.null(), z.looseObject({ type: z.literal("NFC") })]),
  pre_tokenizer: z.looseObject({
    type: z.literal("ByteLevel"),
    add_prefix_space: z.literal(false).optional(),
    use_regex: z.literal(true).optional(),
  }),
  added_tokens: z.array(z.looseObject({ content: z.string().regex(/^[^\n]*$/), rstrip: z.literal(false).optional() })),
});

/** Any tokenizer that a Hugging Face tokenizer.json describes, run by their library. */
export class JsonTokenizer implements Tokenizer {
  readonly kind = "json";
  readonly vocabularySize: number;
  readonly #json: unknown;
  readonly #library: HuggingFaceTokenizer;
  readonly #divisible: boolean;

  /**
   * @param json the parsed contents of a tokenizer.json; kept, not copied.
   * @param where the file or place they came from, for messages.
   * @throws UserError where the library makes no tokenizer of them.
   */
  constructor(json: unknown, where: string) {
    this.#json = json;
    this.#library = openLibrary(json, where);
    let highest = -1;
    for (const id of this.#library.get_vocab().values()) {
      highest = Math.max(highest, id);
    }
    if (highest < 0) {
      throw unusable(where, "its vocabulary is empty");
    }
    this.vocabularySize = highest + 1;
    this.#divisible = divisibleJson.safeParse(json).success;
  }

  encode(text: string): Uint32Array {
    if (!this.#divisible) {
      return this.#encodePiece(text);
    }
    const pieces: Uint32Array[] = [];
    for (const piece of piecesOf(text, PIECE_LENGTH)) {
      pieces.push(this.#encodePiece(piece));
    }
    const ids = new Uint32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let start = 0;
    for (const piece of pieces) {
      ids.set(piece, start);
      start += piece.length;
    }
    return ids;
  }

  #encodePiece(text: string): Uint32Array {
    const { ids, tokens } = this.#library.encode(text, { add_special_tokens: false });
    return Uint32Array.from(ids, (id: number | undefined, index) => {
      if (id === undefined) {
        throw new UserError(
          `Token ${JSON.stringify(tokens[index])} is not in the vocabulary and the tokenizer has no unknown token, ` +
            "expected only text that it covers; remove that text or take a byte-level tokenizer",
        );
      }
      return id;
    });
  }

  decode(ids: ArrayLike<number>): string {
    const known = Array.from(ids).filter((id) => this.#library.id_to_token(id) !== undefined);
    // The library refuses an empty list, and by default would drop spaces before punctuation.
    return known.length === 0 ? "" : this.#library.decode(known, { clean_up_tokenization_spaces: false });
  }

  toJSON(): unknown {
    return this.#json;
  }
}

/**
 * Divides a text before line ends that follow other than white space.
 *
 * No word of GPT-2's pattern reaches over such a place, none depends on what lies beyond it, and Unicode normalisation
 * does not compose across it, so that the tokens of the pieces are those of the text.
 *
 * @param least pieces but the last are at least this long, in UTF-16 units.
 */
export function* piecesOf(text: string, least: number): Generator<string> {
  const boundary = /(?<=\S)\n/gu;
  let start = 0;
  while (start < text.length) {
    boundary.lastIndex = start + Math.max(1, least);
    const end = boundary.exec(text)?.index ?? text.length;
    yield text.slice(start, end);
    start = end;
  }
}

function openLibrary(json: unknown, where: string): HuggingFaceTokenizer {
  if (typeof json !== "object" || json === null) {
    throw unusable(where, "it holds no object");
  }
  try {
    return new HuggingFaceTokenizer(json, {});
  } catch (error) {
    throw unusable(where, messageOf(error));
  }
}

function unusable(where: string, reason: string): UserError {
  return new UserError(
    `${where}: is no usable tokenizer (${reason}), expected the contents of a Hugging Face tokenizer.json; ` +
      "take the file from a published model or train one",
  );
}
