/** A tokenizer with more tokens behind its own, so that the ids of these stay. */

import { z } from "zod";
import { UserError } from "../errors.ts";
import { CharacterTokenizer } from "./character-tokenizer.ts";
import { loadTokenizer } from "./load-tokenizer.ts";
import { checkNotTaken, checkSpecialTokens } from "./special-text.ts";
import { specialTokens } from "./special-tokens.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { addedTokenJson } from "./tokenizer-json.ts";
import { readSettings, withSettings } from "./tokenizer-settings.ts";

const tokenizerJson = z.looseObject({ added_tokens: z.array(z.unknown()).default([]) });

/** The tokens of a model: by their ids, or with a score each. */
const vocabularyJson = z.looseObject({
  model: z.looseObject({
    vocab: z.union([
      z.record(z.string(), z.unknown()).transform((ids) => Object.keys(ids)),
      z.array(z.tuple([z.string()], z.unknown()).transform(([token]) => token)),
    ]),
  }),
});

/**
 * The tokenizer with special tokens, and that of characters with characters, as far as it lacks them. The first of the special tokens ends
 * texts where none did.
 *
 * @throws UserError for special tokens that are empty, the same, or in the vocabulary as something else.
 */
export function extendedTokenizer(
  tokenizer: Tokenizer,
  wanted: readonly string[],
  characters: Iterable<string>,
): Tokenizer {
  checkSpecialTokens(wanted);
  const known = new Set(specialTokens(tokenizer).map(({ content }) => content));
  const special = wanted.filter((token) => !known.has(token));
  const made = withTokens(tokenizer, special, characters);
  if (made === tokenizer) return tokenizer;
  const [first] = wanted;
  const { settings } = tokenizer;
  const endsTexts = settings?.endOfText === undefined && first !== undefined;
  if (settings === undefined && !endsTexts) return made;
  return withSettings(
    made,
    readSettings({ ...settings?.json, ...(endsTexts && { eos_token: first }) }, "the tokenizer"),
  );
}

function withTokens(tokenizer: Tokenizer, special: readonly string[], characters: Iterable<string>): Tokenizer {
  const json = tokenizer.toJSON();
  const own = CharacterTokenizer.fromJSON(json);
  if (own !== undefined) return own.extended(characters, special) ?? tokenizer;
  if (special.length === 0) return tokenizer;
  const parsed = tokenizerJson.safeParse(json);
  if (!parsed.success) throw new UserError("the tokenizer has no list of added tokens, so that none can be added");
  const vocabulary = new Set(vocabularyJson.safeParse(json).data?.model.vocab);
  checkNotTaken(special, (token) => vocabulary.has(token));
  const added = special.map((content, index) => addedTokenJson({ id: tokenizer.vocabularySize + index, content }));
  return loadTokenizer(
    { ...parsed.data, added_tokens: [...parsed.data.added_tokens, ...added] },
    "the tokenizer with more tokens",
  );
}

/** Whether a tokenizer is another with more tokens behind: each id of that stands for what it did. */
export function isExtension(before: Tokenizer, now: Tokenizer): boolean {
  if (now.kind !== before.kind || now.vocabularySize < before.vocabularySize) return false;
  for (let id = 0; id < before.vocabularySize; id++) if (before.decode([id]) !== now.decode([id])) return false;
  return true;
}
