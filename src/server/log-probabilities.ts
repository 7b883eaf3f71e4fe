/** Log-probabilities in the forms of OpenAI's routes. */

import type { SequenceScores } from "../evaluation/index.ts";
import type { TokenScore } from "../generation/index.ts";
import type { StreamDecoder } from "../text/index.ts";
import { isNumberLabel, labelOf } from "./labels.ts";

/** A token by what it adds to the text before, with its log-probability. */
interface LabelledScore {
  readonly label: string;
  readonly logProbability: number;
}

/** A token of a text. */
export interface TokenEntry {
  readonly label: string;
  /** Where it begins in the text, in characters. */
  readonly offset: number;
  /** Log-probabilities: its own, and those of the likeliest tokens in its place; of the first token of a text none, as nothing predicts it. */
  readonly score: { readonly logProbability: number; readonly top: readonly LabelledScore[] } | undefined;
}

/** The entry of a token, which follows what the decoder was given. A score of `undefined`: nothing predicts it. */
export function tokenEntry(
  decoder: StreamDecoder,
  token: { readonly id: number; readonly offset: number; readonly score: TokenScore | undefined },
): TokenEntry {
  const { id, offset, score } = token;
  const labelled = (other: TokenScore["top"][number]): LabelledScore => ({
    label: labelOf(decoder, other.token),
    logProbability: other.logProbability,
  });
  return {
    label: labelOf(decoder, id),
    offset,
    score: score && { logProbability: score.logProbability, top: score.top.map(labelled) },
  };
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

/** The entries of pieces of a text; `null` where none has any. */
export function joinedEntries(pieces: readonly { readonly entries: readonly TokenEntry[] | null }[]) {
  if (pieces.every(({ entries }) => entries === null)) return null;
  return pieces.flatMap(({ entries }) => entries ?? []);
}

/** The log-probabilities of `/v1/completions`: a list for each part. Of two likely tokens with one text the more likely one counts. */
export function logProbabilities(entries: readonly TokenEntry[]) {
  return {
    tokens: entries.map(({ label }) => label),
    token_logprobs: entries.map(({ score }) => score?.logProbability ?? null),
    top_logprobs: entries.map(alternatives),
    text_offset: entries.map(({ offset }) => offset),
  };
}

/** The most likely tokens and the one that is there, by their texts. */
function alternatives({ label, score }: TokenEntry): Record<string, number> | null {
  if (score === undefined) return null;
  // Any text may be a token, `__proto__` too.
  const found = new Map<string, number>();
  for (const other of [...score.top, { label, logProbability: score.logProbability }]) {
    if (!found.has(other.label)) found.set(other.label, other.logProbability);
  }
  return Object.fromEntries(found);
}

/** The log-probabilities of `/v1/chat/completions`: an object for each token. */
export function chatLogProbabilities(entries: readonly TokenEntry[]) {
  const content = entries.map(({ label, score }) => ({
    ...chatToken({ label, logProbability: score?.logProbability ?? Number.NaN }),
    top_logprobs: score?.top.map(chatToken) ?? [],
  }));
  return { content, refusal: null };
}

/** A part of a character has no text, and so no bytes either. */
function chatToken({ label, logProbability }: LabelledScore) {
  return { token: label, logprob: logProbability, bytes: isNumberLabel(label) ? null : [...Buffer.from(label)] };
}
