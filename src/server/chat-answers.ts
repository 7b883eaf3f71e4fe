/** Conversations as OpenAI's clients read them: whole, or in pieces. */

import { randomUUID } from "node:crypto";
import type { AnswerForm } from "./answer-route.ts";
import { unixTime } from "./answers.ts";
import { finishOf, type Piece, textOf } from "./choice.ts";
import type { Usage } from "./completion.ts";
import { chatLogProbabilities, joinedEntries } from "./log-probabilities.ts";

/** The form of `/v1/chat/completions`. */
export class ChatAnswer implements AnswerForm {
  readonly #id = `chatcmpl-${randomUUID()}`;
  readonly #created = unixTime();
  readonly #model: string;

  constructor(model: string) {
    this.#model = model;
  }

  #head(object: "chat.completion" | "chat.completion.chunk") {
    return { id: this.#id, object, created: this.#created, model: this.#model, system_fingerprint: null };
  }

  first(index: number) {
    return this.#chunk({ index, delta: { role: "assistant", content: "" }, logprobs: null, finish_reason: null });
  }

  chunk(index: number, piece: Piece) {
    const delta = piece.text === "" ? {} : { content: piece.text };
    return this.#chunk({ index, delta, logprobs: logprobsOf([piece]), finish_reason: piece.finishReason });
  }

  #chunk(choice: object) {
    return { ...this.#head("chat.completion.chunk"), choices: [choice] };
  }

  usage(usage: Usage) {
    return { ...this.#head("chat.completion.chunk"), choices: [], usage };
  }

  whole(texts: readonly (readonly Piece[])[], usage: Usage) {
    const choices = texts.map((pieces, index) => ({
      index,
      message: { role: "assistant", content: textOf(pieces), refusal: null },
      logprobs: logprobsOf(pieces),
      finish_reason: finishOf(pieces),
    }));
    return { ...this.#head("chat.completion"), choices, usage };
  }
}

function logprobsOf(pieces: readonly Piece[]) {
  const entries = joinedEntries(pieces);
  return entries && chatLogProbabilities(entries);
}
