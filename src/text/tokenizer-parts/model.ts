/** Models of a tokenizer.json: how the pieces of a text become tokens. */

import { z } from "zod";
import { UserError } from "../../errors.ts";
import { BytePairModel } from "./byte-pair-model.ts";
import type { IdList } from "./id-list.ts";
import { unsupported } from "./part.ts";
import { UnigramModel } from "./unigram-model.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { WordLevelModel } from "./word-level-model.ts";
import { WordPieceModel } from "./word-piece-model.ts";

export interface Model {
  /** Its tokens; the ids of added ones are counted on from their number. */
  readonly vocabulary: Vocabulary;
  /**
   * Adds the ids of a piece, which is not empty.
   *
   * @throws UserError for text that the vocabulary lacks where there is no token for such.
   */
  encode(piece: string, to: IdList): void;
  /**
   * Whether the ids of a piece are those of its two parts where it is divided before a character, which follows one that is neither white
   * space nor SentencePiece's mark of it. Default: no.
   */
  dividesBefore?(character: string): boolean;
}

const modelSchema = z.looseObject({ type: z.string().optional() });

/** @throws UserError for a model that is malformed or not supported. */
export function readModel(part: unknown, place: string): Model {
  const parsed = modelSchema.safeParse(part);
  if (!parsed.success) throw new UserError(`${place}: it is no object`);
  const type = parsed.data.type ?? impliedType(parsed.data);
  switch (type) {
    case "BPE":
      return new BytePairModel(part, place);
    case "Unigram":
      return new UnigramModel(part, place);
    case "WordPiece":
      return new WordPieceModel(part, place);
    case "WordLevel":
      return new WordLevelModel(part, place);
    default:
      throw unsupported(place, `the type ${JSON.stringify(type)}`);
  }
}

/** Early files, such as GPT-2's, name no type. */
function impliedType(model: Readonly<Record<string, unknown>>): string {
  if ("merges" in model) return "BPE";
  if ("max_input_chars_per_word" in model) return "WordPiece";
  return Array.isArray(model["vocab"]) ? "Unigram" : "WordLevel";
}
