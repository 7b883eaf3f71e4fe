/** What the ablations say: which way to grow is better than the reference, and what would have told so early on. */

import { mean } from "simple-statistics";
import { lossesOf, studySpread } from "./outcomes.ts";
import type { GrowthOutcome, QuestionResult, RunResult, StudyResults, VariantResult } from "./results.ts";
import {
  type Difference,
  type Estimate,
  estimate,
  pairedDifference,
  shuffleProbability,
  spearman,
} from "./statistics.ts";
import { amountOf, type Verdict, verdictOf } from "./verdicts.ts";

/** A way to grow, beside the reference. */
export interface Variant {
  readonly id: string;
  readonly label: string;
  readonly doc: string;
  readonly reference: boolean;
  /** Runs that ended before their time. */
  readonly diverged: number;
  /** Whether it grew once, at the step at which the reference did: what is comparable early on. */
  readonly comparable: boolean;
  /** Means of its runs. Loss at the growth: after − before, summed over the growths. */
  readonly jump?: number;
  /** Loss a short lag after the growth: of variants with a single growth, at the step of the reference's. */
  readonly lag?: number;
  readonly final?: Estimate;
  /** Final loss less that of the reference, paired by seed. */
  readonly difference?: Difference;
  readonly verdict: Verdict;
}

/** Two variants that differ at the end by the rule, the better one first. */
export type Pair = readonly [better: string, worse: string];

export interface Ranking {
  /** Spearman's correlation of the losses after the lag and at the end, over the variants that have both. */
  readonly correlation?: number;
  /** Variants compared. */
  readonly count: number;
  /** Pairs that differ at the end: those in the same order after the lag, and those in the opposite one. */
  readonly kept: readonly Pair[];
  readonly flipped: readonly Pair[];
}

export interface QuestionVerdict {
  readonly id: string;
  readonly question: string;
  readonly variants: readonly Variant[];
  readonly ranking: Ranking;
  readonly sentences: readonly string[];
}

export interface AblationVerdicts {
  readonly questions: readonly QuestionVerdict[];
  /** On all variants together, each once. */
  readonly sentences: readonly string[];
}

export function judgeAblations(results: StudyResults): AblationVerdicts {
  const deviation = studySpread(results)?.deviation;
  const { questions, reference } = results.ablation;
  const judged = questions.map((question) => judgeQuestion(question, reference, deviation));
  const all = new Map(judged.flatMap(({ variants }) => variants.map((variant) => [variant.id, variant])));
  return { questions: judged, sentences: [lagSentence([...all.values()]), preservationSentence([...all.values()])] };
}

function judgeQuestion(
  { id, question, variants, leftOut = [] }: QuestionResult,
  reference: string,
  deviation?: number,
): QuestionVerdict {
  const base = variants.find((variant) => variant.id === reference);
  const judged = variants.map((variant) => judgeVariant(variant, base, deviation));
  const ranking = rank(variants, judged, deviation);
  const missing = leftOut.map(
    ({ label, reason }) => `Left out: ${label}, which this ladder does not allow (${reason}).`,
  );
  return { id, question, variants: judged, ranking, sentences: [...sentencesOf(judged, ranking), ...missing] };
}

const finals = ({ cell }: VariantResult) => lossesOf(cell, cell.stage);

function judgeVariant(variant: VariantResult, base: VariantResult | undefined, deviation?: number): Variant {
  const { id, label, doc, cell } = variant;
  const losses = finals(variant);
  const reference = variant === base;
  const difference =
    base === undefined || deviation === undefined || reference
      ? undefined
      : pairedDifference(losses, finals(base), deviation);
  const final = estimate([...losses.values()]);
  const jump = meanIfAny(cell.runs.flatMap(jumpOf));
  const comparable = isComparable(variant, base);
  const lag = comparable ? meanIfAny(onlyGrowths(variant).flatMap(({ lagLoss }) => lagLoss ?? [])) : undefined;
  return {
    id,
    label,
    doc,
    reference,
    comparable,
    diverged: cell.runs.filter((run) => run.diverged !== undefined).length,
    ...(jump !== undefined && { jump }),
    ...(lag !== undefined && { lag }),
    ...(final && { final }),
    ...(difference && { difference }),
    verdict: reference ? "none" : verdictOf(difference),
  };
}

const meanIfAny = (values: readonly number[]): number | undefined => (values.length === 0 ? undefined : mean(values));

function jumpOf({ growths }: RunResult): number[] {
  const jumps = growths.map(({ lossBefore, lossAfter }) => lossAfter - lossBefore);
  return jumps.length === 0 ? [] : [jumps.reduce((sum, jump) => sum + jump, 0)];
}

const onlyGrowths = ({ cell }: VariantResult): GrowthOutcome[] =>
  cell.runs.flatMap(({ growths }) => (growths.length === 1 ? growths : []));

/** Losses after other growths, or with less time since the growth, would say nothing about the variant. */
function isComparable(variant: VariantResult, base: VariantResult | undefined): boolean {
  const [own, its] = [variant, base ?? variant].map((of) => onlyGrowths(of)[0]?.step);
  return own !== undefined && own === its;
}

function rank(variants: readonly VariantResult[], judged: readonly Variant[], deviation?: number): Ranking {
  const both = judged.flatMap(({ label, lag, final }, at) => {
    const variant = variants[at];
    return lag === undefined || final === undefined || !variant
      ? []
      : [{ label, lag, end: final.mean, losses: finals(variant) }];
  });
  const kept: Pair[] = [];
  const flipped: Pair[] = [];
  for (const a of both) {
    for (const b of both) {
      const difference = deviation === undefined ? undefined : pairedDifference(a.losses, b.losses, deviation);
      if (verdictOf(difference) === "better") (a.lag < b.lag ? kept : flipped).push([a.label, b.label]);
    }
  }
  const correlation = spearman(
    both.map(({ lag }) => lag),
    both.map(({ end }) => end),
  );
  return { ...(correlation !== undefined && { correlation }), count: both.length, kept, flipped };
}

function sentencesOf(variants: readonly Variant[], ranking: Ranking): string[] {
  const others = variants.filter(({ reference }) => !reference);
  const list = (verdict: Verdict, tell: (variant: Variant) => string) =>
    others.filter((variant) => variant.verdict === verdict).map(tell);
  const amounts = ({ label, difference }: Variant) =>
    difference === undefined ? label : `${label} by ${amountOf(difference)}`;
  const plain = ({ label, difference }: Variant) =>
    difference === undefined ? label : `${label} (${signed(difference.mean)})`;
  const parts: [string, string[]][] = [
    ["Better than the reference", list("better", amounts)],
    ["Worse than the reference", list("worse", amounts)],
    ["Not different from the reference", list("none", plain)],
    [
      "Not known yet",
      list("unknown", ({ label, diverged }) => (diverged > 0 ? `${label} (${diverged} diverged)` : label)),
    ],
  ];
  const told = parts.flatMap(([head, items]) => (items.length === 0 ? [] : [`${head}: ${items.join("; ")}.`]));
  return [...told, ...rankingSentence(ranking)];
}

/** "+0.012", "−0.003". */
export function signed(value: number): string {
  const text = Math.abs(value).toFixed(3);
  return text === "0.000" ? "±0.000" : `${value < 0 ? "−" : "+"}${text}`;
}

function rankingSentence({ kept, flipped }: Ranking): string[] {
  const pairs = kept.length + flipped.length;
  if (pairs === 0) return [];
  const names = flipped.map(([better, worse]) => `${better} before ${worse} only at the end`);
  const order = "in the same order after the short lag";
  if (pairs === 1) return [`The pair that differs at the end was ${kept.length === 1 ? "" : "not "}${order}.`];
  const exceptions = names.length === 0 ? "" : ` (${names.join("; ")})`;
  return [`Of the ${pairs} pairs that differ at the end, ${kept.length} were ${order}${exceptions}.`];
}

function evidence(correlation: number, probability: number, count: number): string {
  const rho = correlation.toFixed(2).replace("-", "−");
  const p = probability < 0.001 ? "< 0.001" : `= ${probability.toFixed(3)}`;
  return `(Spearman ${rho}, p ${p} by shuffling, over ${count} variants)`;
}

function agreement(correlation: number, probability: number): string {
  if (probability >= 0.05) return "is not shown to agree";
  if (correlation < 0) return "does not agree";
  return correlation >= 0.8 ? "agrees well" : "agrees in part";
}

function lagSentence(variants: readonly Variant[]): string {
  const both = variants.flatMap(({ lag, final }) => (lag === undefined || !final ? [] : [{ lag, end: final.mean }]));
  const [lags, ends] = [both.map(({ lag }) => lag), both.map(({ end }) => end)];
  const [correlation, probability] = [spearman(lags, ends), shuffleProbability(lags, ends)];
  if (correlation === undefined || probability === undefined) {
    return "Whether the ranking after a short lag holds at the end is not known yet: fewer than three variants have both.";
  }
  const word = agreement(correlation, probability);
  return `The ranking after the short lag ${word} with that at the end ${evidence(correlation, probability, both.length)}.`;
}

/** Jumps within rounding are equal, or noise would rank them. */
const rounded = (jump: number): number => Math.round(jump * 1000);

function preservationSentence(variants: readonly Variant[]): string {
  const both = variants.flatMap(({ jump, final, comparable }) =>
    jump === undefined || !comparable || !final ? [] : [{ jump: rounded(jump), end: final.mean }],
  );
  const [jumps, ends] = [both.map(({ jump }) => jump), both.map(({ end }) => end)];
  const [correlation, probability] = [spearman(jumps, ends), shuffleProbability(jumps, ends)];
  if (correlation === undefined || probability === undefined) {
    return "Whether function preservation predicts the final loss is not known yet: too few variants differ in the jump of the loss at growth.";
  }
  const detail = evidence(correlation, probability, both.length);
  if (probability >= 0.05) {
    return `Function preservation does not predict the final loss, as far as can be told: no relation to how far the loss jumped at growth was found ${detail}.`;
  }
  return correlation > 0
    ? `Function preservation predicts the final loss: the further the loss jumped at growth, the higher it ended ${detail}.`
    : `Function preservation predicts the final loss the wrong way round: the further the loss jumped at growth, the lower it ended ${detail}.`;
}
