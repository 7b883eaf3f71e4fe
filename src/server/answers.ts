/** Completions as OpenAI's clients read them: whole, or in pieces. */

import { randomUUID } from "node:crypto";
import type { AnswerForm } from "./answer-route.ts";
import { finishOf, type Piece, textOf } from "./choice.ts";
import type { Usage } from "./completion.ts";
import { joinedEntries, logProbabilities } from "./log-probabilities.ts";

export const unixTime = (): number => Math.floor(Date.now() / 1000);

/** The form of `/v1/completions`. */
export class CompletionAnswer implements AnswerForm {
  readonly #head: object;

  constructor(model: string) {
    this.#head = { id: `cmpl-${randomUUID()}`, object: "text_completion", created: unixTime(), model };
  }

  first() {
    return undefined;
  }

  chunk(index: number, piece: Piece) {
    return { ...this.#head, choices: [choiceOf([piece], index)] };
  }

  usage(usage: Usage) {
    return { ...this.#head, choices: [], usage };
  }

  whole(texts: readonly (readonly Piece[])[], usage: Usage) {
    return { ...this.#head, choices: texts.map(choiceOf), usage };
  }
}

function choiceOf(pieces: readonly Piece[], index: number) {
  const entries = joinedEntries(pieces);
  return {
    index,
    text: textOf(pieces),
    logprobs: entries && logProbabilities(entries),
    finish_reason: finishOf(pieces),
  };
}
