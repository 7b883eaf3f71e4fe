import { z } from "zod";
import { UserError } from "../../errors.ts";
import type { IdList } from "./id-list.ts";
import type { Model } from "./model.ts";
import { readPart } from "./part.ts";
import { readVocabulary, shown, type Vocabulary } from "./vocabulary.ts";

const wordLevelSchema = z.looseObject({ unk_token: z.string().default("<unk>") });

/** Every piece is one token, or unknown. */
export class WordLevelModel implements Model {
  readonly vocabulary: Vocabulary;
  readonly #unknown: string;

  constructor(part: unknown, place: string) {
    const options = readPart(wordLevelSchema, part, place);
    this.vocabulary = readVocabulary(options["vocab"], `${place}.vocab`);
    this.#unknown = options.unk_token;
  }

  encode(piece: string, to: IdList): void {
    const id = this.vocabulary.ids.get(piece) ?? this.vocabulary.ids.get(this.#unknown);
    if (id === undefined) {
      throw new UserError(
        `${shown(piece)} is not in the tokenizer's vocabulary, and the unknown token ${shown(this.#unknown)} neither, ` +
          "expected only text that it covers; remove that text or take a byte-level tokenizer",
      );
    }
    to.push(id);
  }
}
