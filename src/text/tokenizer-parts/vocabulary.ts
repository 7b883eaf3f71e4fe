/** The tokens of a tokenizer.json and their ids. */

import { UserError } from "../../errors.ts";

/** Ids are below this: no vocabulary has as many tokens, so that a higher one is a fault of the file. */
const ID_LIMIT = 2 ** 24;

/** Tokens by id and ids by token. */
export interface Vocabulary {
  readonly ids: ReadonlyMap<string, number>;
  readonly tokens: ReadonlyMap<number, string>;
}

/** @throws UserError for what is no vocabulary: tokens, each with an id of its own. */
export function readVocabulary(vocab: unknown, place: string): Vocabulary {
  if (typeof vocab !== "object" || vocab === null || Array.isArray(vocab)) {
    throw new UserError(`${place}: it is no object of tokens with their ids`);
  }
  const ids = new Map<string, number>();
  const tokens = new Map<number, string>();
  for (const [token, id] of Object.entries(vocab)) {
    checkToken(token, place);
    if (!isId(id)) {
      throw new UserError(`${place}: ${shown(token)} has the id ${shown(id)}, not a whole number below ${ID_LIMIT}`);
    }
    const other = tokens.get(id);
    if (other !== undefined)
      throw new UserError(`${place}: ${shown(other)} and ${shown(token)} both have the id ${id}`);
    ids.set(token, id);
    tokens.set(id, token);
  }
  return { ids, tokens };
}

/** Whether a token can have this id. */
export function isId(id: unknown): id is number {
  return Number.isInteger(id) && Number(id) >= 0 && Number(id) < ID_LIMIT;
}

/** Refuses half of a surrogate pair, which no UTF-8 text can have. */
export function checkToken(token: string, place: string): void {
  if (/\p{Surrogate}/u.test(token)) throw new UserError(`${place}: ${shown(token)} is not valid Unicode`);
}

/** A value of the file in a message. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
