/** Tokens that stand for their whole text, such as `<|endoftext|>`, and are found in a text before anything else. */

import { UserError } from "../errors.ts";

/** Finds some texts, the longest of those that begin at one place. */
export function specialPattern(tokens: readonly string[]): RegExp {
  const longestFirst = tokens.toSorted((one, other) => other.length - one.length);
  return new RegExp(longestFirst.map((token) => token.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|"), "gu");
}

/** @throws UserError for special tokens that are empty, or given twice */
export function checkSpecialTokens(tokens: readonly string[]): void {
  const wrong = tokens.find((token, index) => token === "" || tokens.indexOf(token) < index);
  if (wrong === undefined) return;
  throw new UserError(`special tokens: ${JSON.stringify(wrong)} is empty or there twice, expected different texts`);
}

/** @throws UserError for a special token that a vocabulary has already, by whatever says so: that has learned something else */
export function checkNotTaken(tokens: readonly string[], isTaken: (token: string) => boolean): void {
  const taken = tokens.find(isTaken);
  if (taken === undefined) return;
  throw new UserError(
    `special tokens: ${JSON.stringify(taken)} is in the vocabulary already, expected a text that is not, such as <|endoftext|>`,
  );
}
