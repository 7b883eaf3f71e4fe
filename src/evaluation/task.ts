/** A model's results on a task. */

import { messageOf, UserError } from "../errors.ts";
import type { Tokenizer } from "../text/index.ts";
import type { Question, TaskType } from "./layouts.ts";
import { characters, words } from "./python-text.ts";
import { isGreedy, type Scorer, type SequenceScores } from "./scorer.ts";
import { type ScoredSequence, sequenceOf, windowsOf } from "./sequences.ts";
import { type Estimate, largest, mean, perplexity } from "./statistics.ts";
import type { TaskFile } from "./task-file.ts";

/** What was measured, by name. Each name is one that `metricNames` explains. */
export type TaskMetrics = Readonly<Partial<Record<MetricName, Estimate>>>;

/** What is measured, and what lm-evaluation-harness calls it. */
export const metricNames = {
  accuracy: "acc",
  normalisedAccuracy: "acc_norm",
  byteNormalisedAccuracy: "acc_bytes",
  perplexity: "perplexity",
  wordPerplexity: "word_perplexity",
  bytePerplexity: "byte_perplexity",
  bitsPerByte: "bits_per_byte",
} as const;

export type MetricName = keyof typeof metricNames;

export interface TaskResult {
  readonly type: TaskType;
  readonly questions: number;
  readonly metrics: TaskMetrics;
}

export interface TaskOptions {
  /** The longest sequence, in tokens, the last of which is only predicted: at most the model's context + 1, with a scorer that gives no `next`. */
  readonly longest: number;
  /** Called with the number of questions answered so far. */
  readonly onProgress?: (done: number) => void;
}

/** Questions whose sequences are scored together, so that they can be batched by length. */
const TOGETHER = 64;

/** The log-probability of what was scored, and whether all of it is what the model would have written. */
interface Likelihood {
  readonly logProbability: number;
  readonly greedy: boolean;
}

type Answered = { readonly question: Question; readonly likelihoods: readonly Likelihood[] };

/**
 * Answers every question of a task.
 * @throws UserError that names the line of a question that cannot be scored
 */
export async function evaluateTask(
  scorer: Pick<Scorer, "score">,
  tokenizer: Tokenizer,
  file: string,
  task: TaskFile,
  options: TaskOptions,
): Promise<TaskResult> {
  const answered: Answered[] = [];
  for (let start = 0; start < task.questions.length; start += TOGETHER) {
    const part = task.questions.slice(start, start + TOGETHER);
    const sequences = part.map(({ question, line }) =>
      labelled(`${file}:${line}`, () => sequencesOf(tokenizer, question, options.longest)),
    );
    const scores = await scorer.score(sequences.flat().map(({ tokens }) => tokens));
    for (const [index, { question }] of part.entries()) {
      const own = sequences[index] ?? [];
      const likelihoods = own.flatMap((sequence) => likelihoodOf(sequence, scores.shift()) ?? []);
      answered.push({ question, likelihoods });
    }
    options.onProgress?.(answered.length);
  }
  return { type: task.type, questions: answered.length, metrics: metricsOf(answered) };
}

function sequencesOf(tokenizer: Tokenizer, question: Question, longest: number): ScoredSequence[] {
  switch (question.kind) {
    case "choice":
      return question.pairs.map((pair) => sequenceOf(tokenizer, pair, longest));
    case "word":
      return [sequenceOf(tokenizer, question.pair, longest)];
    case "text":
      return windowsOf(tokenizer, question.text, longest);
  }
}

function likelihoodOf({ scored }: ScoredSequence, scores: SequenceScores | undefined): Likelihood {
  if (scores === undefined) throw new Error("internal: a sequence was not scored");
  const count = scores.logProbabilities.length;
  let [logProbability, greedy] = [0, true];
  for (let place = count - scored; place < count; place++) {
    logProbability += scores.logProbabilities[place] ?? Number.NaN;
    greedy &&= isGreedy(scores, place);
  }
  return { logProbability, greedy };
}

/** All questions of a task are of one kind. */
function metricsOf(answered: readonly Answered[]): TaskMetrics {
  const kind = answered[0]?.question.kind;
  if (kind === "choice") return choiceMetrics(answered);
  if (kind === "word") return wordMetrics(answered);
  return textMetrics(answered);
}

function choiceMetrics(answered: readonly Answered[]): TaskMetrics {
  const share = (length: (choice: string) => number) =>
    mean(answered.map(({ question, likelihoods }) => Number(isRight(question, likelihoods, length))));
  const accuracy = share(() => 1);
  if (answered.some(({ question }) => question.kind === "choice" && question.choices === undefined))
    return { accuracy };
  return {
    accuracy,
    normalisedAccuracy: share(characters),
    byteNormalisedAccuracy: share(Buffer.byteLength),
  };
}

/** Whether the right choice has the largest log-probability by length. */
function isRight(question: Question, likelihoods: readonly Likelihood[], length: (choice: string) => number): boolean {
  if (question.kind !== "choice") return false;
  const weighed = likelihoods.map(({ logProbability }, index) => {
    const text = question.choices?.[index];
    return text === undefined ? logProbability : logProbability / length(text);
  });
  return largest(weighed) === question.answer;
}

function wordMetrics(answered: readonly Answered[]): TaskMetrics {
  const likelihoods = answered.flatMap(({ likelihoods }) => likelihoods);
  return {
    accuracy: mean(likelihoods.map(({ greedy }) => Number(greedy))),
    perplexity: perplexity(likelihoods.map(({ logProbability }) => logProbability)),
  };
}

/** The metrics of all texts together, weighed by their lengths. */
function textMetrics(answered: readonly Answered[]): TaskMetrics {
  const texts = answered.flatMap(({ question }) => (question.kind === "text" ? question.text : []));
  const total = answered
    .flatMap(({ likelihoods }) => likelihoods)
    .reduce((sum, { logProbability }) => sum + logProbability, 0);
  const perUnit = (unit: (text: string) => number) => -total / texts.reduce((sum, text) => sum + unit(text), 0);
  const plain = (value: number): Estimate => ({ value, standardError: Number.NaN });
  return {
    wordPerplexity: plain(Math.exp(perUnit(words))),
    bytePerplexity: plain(Math.exp(perUnit(Buffer.byteLength))),
    bitsPerByte: plain(perUnit(Buffer.byteLength) / Math.LN2),
  };
}

/** What `make` gives. A `UserError` that it throws gets the place of the mistake before its message. */
function labelled<Result>(place: string, make: () => Result): Result {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${place}: ${messageOf(error)}`);
  }
}
