/** Whether a tokenizer fits a model. */

import { UserError } from "../errors.ts";
import { type CompleteModelConfig, checkModel, type ModelConfig } from "../model/index.ts";
import type { Tokenizer } from "../text/portable.ts";

/** A model's configuration with the vocabulary of its tokenizer where it has none of its own. */
export function modelWithVocabulary(
  model: ModelConfig,
  tokenizer: Tokenizer | undefined,
  where: string,
): CompleteModelConfig {
  const vocabulary = model.vocabulary ?? tokenizer?.vocabularySize;
  if (vocabulary === undefined) {
    throw new UserError(`${where}: says no model.vocabulary, and there is no tokenizer.json; restore that file`);
  }
  if (vocabulary < (tokenizer?.vocabularySize ?? 0)) {
    throw new UserError(
      `${where}: model.vocabulary is ${vocabulary}, but the tokenizer has ${tokenizer?.vocabularySize} tokens; leave it out or raise it`,
    );
  }
  const whole = { ...model, vocabulary };
  checkModel(whole);
  return whole;
}

/**
 * Checks that a model has all the tokens of a tokenizer; it may have more, as published ones have.
 * @throws UserError where it has fewer
 */
export function checkVocabulary(
  { vocabularySize }: Tokenizer,
  { vocabulary }: CompleteModelConfig,
  where: string,
): void {
  if (vocabularySize <= vocabulary) return;
  throw new UserError(
    `${where}: the tokenizer has ${vocabularySize} tokens, but the model ${vocabulary}; name the tokenizer that the model was trained with`,
  );
}
