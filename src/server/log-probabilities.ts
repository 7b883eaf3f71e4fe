/** Log-probabilities in the form of OpenAI's completions. */

import type { SequenceScores } from "../evaluation/index.ts";
import type { TokenScore } from "../generation/index.ts";
import type { StreamDecoder } from "../text/index.ts";
import { labelOf } from "./labels.ts";

/** One entry a token. The first token of a text has none, as nothing predicts it. */
export interface LogProbabilities {
  readonly tokens: string[];
  readonly token_logprobs: (number | null)[];
  readonly top_logprobs: (Readonly<Record<string, number>> | null)[];
  /** Where each token begins in the text, in characters. */
  readonly text_offset: number[];
}

export const noLogProbabilities = (): LogProbabilities => ({
  tokens: [],
  token_logprobs: [],
  top_logprobs: [],
  text_offset: [],
});

/** Adds a token, which follows what the decoder was given. A score of `undefined`: nothing predicts it. */
export function addLogProbability(
  to: LogProbabilities,
  decoder: StreamDecoder,
  token: { readonly id: number; readonly offset: number; readonly score: TokenScore | undefined },
): void {
  const { id, offset, score } = token;
  to.tokens.push(labelOf(decoder, id));
  to.token_logprobs.push(score?.logProbability ?? null);
  to.top_logprobs.push(score === undefined ? null : alternatives(decoder, score));
  to.text_offset.push(offset);
}

/** The score of the token at a place of a scored prompt. */
export function scoreAt(scores: SequenceScores, ids: Int32Array, place: number, top: number): TokenScore {
  const { logProbabilities, topIds, topLogProbabilities } = scores;
  const first = place * scores.top;
  return {
    token: ids[place + 1] ?? 0,
    logProbability: logProbabilities[place] ?? Number.NaN,
    top: Array.from({ length: Math.min(top, scores.top) }, (_, rank) => ({
      token: topIds[first + rank] ?? 0,
      logProbability: topLogProbabilities[first + rank] ?? Number.NaN,
    })),
  };
}

/** The most likely tokens and the one that is there, by their texts. Of two with one text the more likely one counts. */
function alternatives(decoder: StreamDecoder, { token, logProbability, top }: TokenScore): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { token: id, logProbability: other } of [...top, { token, logProbability }]) {
    found[labelOf(decoder, id)] ??= other;
  }
  return found;
}
