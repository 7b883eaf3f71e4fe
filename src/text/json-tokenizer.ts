import { z } from "zod";
import { UserError } from "../errors.ts";
import { type Boundary, PIECE_LENGTH, piecesOf } from "./pieces.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { AddedTokens } from "./tokenizer-parts/added-tokens.ts";
import { boundaryOf, type EncodingParts } from "./tokenizer-parts/boundary.ts";
import { readDecoder, type TokenDecoder } from "./tokenizer-parts/decoders.ts";
import { IdList } from "./tokenizer-parts/id-list.ts";
import { type Model, readModel } from "./tokenizer-parts/model.ts";
import { readNormalizer } from "./tokenizer-parts/normalizers.ts";
import { readPart } from "./tokenizer-parts/part.ts";
import { type PreTokenizer, readPreTokenizer } from "./tokenizer-parts/pre-tokenizers.ts";

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
  readonly #json: unknown;
  readonly #added: AddedTokens;
  readonly #preTokenizer: PreTokenizer;
  readonly #model: Model;
  readonly #decoder: TokenDecoder;
  readonly #encodingParts: EncodingParts;
  /** Found when a long text first asks for it. */
  #boundary: Boundary | undefined;

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
      this.#encodingParts = { normalizer, preTokenizer: pre_tokenizer, added: this.#added, model: this.#model };
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
  }

  get boundary(): Boundary {
    this.#boundary ??= boundaryOf(this.#encodingParts);
    return this.#boundary;
  }

  encode(text: string, continues = false): Uint32Array {
    const ids = new IdList();
    // Half of a surrogate pair is no text that another program could hold.
    const whole = text.replace(/\p{Surrogate}/gu, "\uFFFD");
    let goesOn = continues;
    for (const piece of this.#piecesOf(whole)) {
      this.#encodePiece(piece, goesOn, ids);
      goesOn = true;
    }
    return ids.toArray();
  }

  #piecesOf(text: string): Iterable<string> {
    const boundary = text.length > PIECE_LENGTH ? this.boundary : undefined;
    return boundary instanceof RegExp ? piecesOf(text, boundary) : [text];
  }

  #encodePiece(text: string, continues: boolean, ids: IdList): void {
    for (const section of this.#added.sections(text, continues)) {
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
