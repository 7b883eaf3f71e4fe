import { z } from "zod";
import { UserError } from "../errors.ts";
import { type Boundary, piecesOf, wordBoundary } from "./pieces.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { AddedTokens } from "./tokenizer-parts/added-tokens.ts";
import { readDecoder, type TokenDecoder } from "./tokenizer-parts/decoders.ts";
import { IdList } from "./tokenizer-parts/id-list.ts";
import { type Model, readModel } from "./tokenizer-parts/model.ts";
import { readNormalizer } from "./tokenizer-parts/normalizers.ts";
import { readPart } from "./tokenizer-parts/part.ts";
import { type PreTokenizer, readPreTokenizer } from "./tokenizer-parts/pre-tokenizers.ts";

/**
 * The tokenizers of which a text can be encoded piece by piece: those with GPT-2's division into words, and no added token that takes
 * the white space after it.
 */
const divisibleJson = z.looseObject({
  normalizer: z.union([z.null(), z.looseObject({ type: z.literal("NFC") })]),
  pre_tokenizer: z.looseObject({
    type: z.literal("ByteLevel"),
    add_prefix_space: z.literal(false),
    use_regex: z.literal(true).optional(),
  }),
  added_tokens: z.array(z.looseObject({ content: z.string(), rstrip: z.literal(false).optional() })),
});

const tokenizerSchema = z.looseObject({
  version: z.literal("1.0").optional(),
  added_tokens: z.array(z.unknown()).default([]),
  normalizer: z.unknown(),
  pre_tokenizer: z.unknown(),
  decoder: z.unknown(),
  model: z.unknown(),
});

/**
 * Any tokenizer that a Hugging Face tokenizer.json describes, with the ids and texts of Python's `tokenizers`.
 *
 * What could differ from those is refused by name. Its truncation, padding and special tokens around a text
 * ("post_processor") are for batches of whole texts and not used, as with `add_special_tokens=False`. Two things differ on
 * purpose: text that a vocabulary without an unknown token lacks is refused, not left out; and Unicode's properties and
 * normalization are those of the JavaScript engine, which may be newer.
 */
export class JsonTokenizer implements Tokenizer {
  readonly kind = "json";
  readonly vocabularySize: number;
  readonly boundary: Boundary;
  readonly #json: unknown;
  readonly #added: AddedTokens;
  readonly #preTokenizer: PreTokenizer;
  readonly #model: Model;
  readonly #decoder: TokenDecoder;

  /**
   * @param json the parsed contents of a tokenizer.json; kept, not copied.
   * @param where the file or place they came from, for messages.
   * @throws UserError where they are malformed, or a part is not supported.
   */
  constructor(json: unknown, where: string) {
    this.#json = json;
    try {
      const { model, added_tokens, normalizer, pre_tokenizer, decoder } = readTokenizer(json);
      const normalize = normalizer == null ? undefined : readNormalizer(normalizer, "normalizer");
      this.#model = readModel(model, "model");
      this.#added = new AddedTokens(added_tokens, "added_tokens", this.#model.vocabulary, normalize);
      this.#preTokenizer =
        pre_tokenizer == null
          ? (pieces) => pieces
          : readPreTokenizer(pre_tokenizer, "pre_tokenizer", normalize !== undefined);
      this.#decoder = decoder == null ? (tokens) => [tokens.join(" ")] : readDecoder(decoder, "decoder");
    } catch (error) {
      throw error instanceof UserError ? unusable(where, error.message) : error;
    }
    let highest = -1;
    for (const ids of [this.#model.vocabulary.ids.values(), this.#added.texts.keys()]) {
      for (const id of ids) highest = Math.max(highest, id);
    }
    if (highest < 0) {
      throw unusable(where, "its vocabulary is empty");
    }
    this.vocabularySize = highest + 1;
    this.boundary = boundaryOf(json);
  }

  encode(text: string): Uint32Array {
    const ids = new IdList();
    // Half of a surrogate pair is no text that another program could hold.
    const whole = text.replace(/\p{Surrogate}/gu, "\uFFFD");
    const { boundary } = this;
    for (const piece of boundary instanceof RegExp ? piecesOf(whole, boundary) : [whole]) this.#encodePiece(piece, ids);
    return ids.toArray();
  }

  #encodePiece(text: string, ids: IdList): void {
    for (const section of this.#added.sections(text)) {
      if (typeof section === "number") {
        ids.push(section);
        continue;
      }
      const { pieces } = this.#preTokenizer({ pieces: [section.text], first: section.first });
      for (const piece of pieces) if (piece !== "") this.#model.encode(piece, ids);
    }
  }

  decode(ids: ArrayLike<number>): string {
    const tokens: string[] = [];
    for (const id of Array.from(ids)) {
      const token = this.#added.texts.get(id) ?? this.#model.vocabulary.tokens.get(id);
      if (token !== undefined) tokens.push(token);
    }
    return this.#decoder(tokens).join("");
  }

  toJSON(): unknown {
    return this.#json;
  }
}

function boundaryOf(json: unknown): Boundary {
  const { success, data } = divisibleJson.safeParse(json);
  return success ? wordBoundary(data.added_tokens.map(({ content }) => content)) : "nowhere";
}

function readTokenizer(json: unknown): z.infer<typeof tokenizerSchema> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new UserError("it holds no object");
  }
  if (!("model" in json)) {
    throw new UserError("it has no model");
  }
  return readPart(tokenizerSchema, json, "");
}

function unusable(where: string, reason: string): UserError {
  return new UserError(
    `${where}: is no usable tokenizer (${reason}), expected the contents of a Hugging Face tokenizer.json; ` +
      "take the file from a published model or train one",
  );
}
