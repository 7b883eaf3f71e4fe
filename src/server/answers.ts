/** Completions as OpenAI's clients read them: whole, or in pieces. */

import { randomUUID } from "node:crypto";
import type { FinishReason, Piece } from "./choice.ts";
import type { Usage } from "./completion.ts";
import { type LogProbabilities, noLogProbabilities } from "./log-probabilities.ts";

interface AnswerChoice {
  readonly index: number;
  readonly text: string;
  readonly logprobs: LogProbabilities | null;
  readonly finish_reason: FinishReason | null;
}

/** What all pieces of an answer have in common. */
export interface AnswerHead {
  readonly id: string;
  readonly object: "text_completion";
  readonly created: number;
  readonly model: string;
}

export const answerHead = (model: string): AnswerHead => ({
  id: `cmpl-${randomUUID()}`,
  object: "text_completion",
  created: unixTime(),
  model,
});

export const unixTime = (): number => Math.floor(Date.now() / 1000);

export const answerChunk = (head: AnswerHead, index: number, { text, logprobs, finishReason }: Piece) => ({
  ...head,
  choices: [{ index, text, logprobs, finish_reason: finishReason } satisfies AnswerChoice],
});

/** Puts the pieces of each text together. */
export class WholeAnswer {
  readonly #choices: { text: string; logprobs: LogProbabilities | null; finishReason: FinishReason | null }[];

  constructor(count: number) {
    this.#choices = Array.from({ length: count }, () => ({ text: "", logprobs: null, finishReason: null }));
  }

  add(index: number, { text, logprobs, finishReason }: Piece): void {
    const choice = this.#choices[index];
    if (choice === undefined) throw new Error(`internal: there is no text ${index}`);
    choice.text += text;
    choice.finishReason = finishReason;
    if (logprobs === null) return;
    choice.logprobs ??= noLogProbabilities();
    choice.logprobs.tokens.push(...logprobs.tokens);
    choice.logprobs.token_logprobs.push(...logprobs.token_logprobs);
    choice.logprobs.top_logprobs.push(...logprobs.top_logprobs);
    choice.logprobs.text_offset.push(...logprobs.text_offset);
  }

  body(head: AnswerHead, usage: Usage) {
    const choices = this.#choices.map(
      ({ text, logprobs, finishReason }, index): AnswerChoice => ({
        index,
        text,
        logprobs,
        finish_reason: finishReason,
      }),
    );
    return { ...head, choices, usage };
  }
}
