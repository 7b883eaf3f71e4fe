/** Token ids that a model has logits for. */

import { UserError } from "../errors.ts";

/** What to do instead with an id that a model does not have, by what it is. */
const remedies = {
  token: "encode the text with the tokenizer of the model",
  target: "leave a target out of the loss by a weight of 0 in `weights`",
} as const;

/**
 * Programs would count negative ids from the end of the vocabulary, and not all of them refuse those beyond it.
 * @param vocabulary V, the number of logits
 * @throws UserError for an id that is not one of 0 to V - 1
 */
export function requireKnown(ids: Int32Array, vocabulary: number, what: keyof typeof remedies = "token"): void {
  const wrong = ids.find((id) => id < 0 || id >= vocabulary);
  if (wrong === undefined) return;
  throw new UserError(`${what} ${wrong} is not one of 0 to ${vocabulary - 1}; ${remedies[what]}`);
}
