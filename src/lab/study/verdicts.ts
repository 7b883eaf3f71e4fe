/** What the numbers of a study say about growing, by a stated rule. */

import { mean } from "simple-statistics";
import { formatCount } from "../report/format.ts";
import { spentAt } from "./crossings.ts";
import { cellOf, comparedStages, curveOf, lossesOf, spentBy, studySpread } from "./outcomes.ts";
import type { ArmResult, StageDescription, StudyResults } from "./results.ts";
import { type Difference, isDifferent, pairedDifference } from "./statistics.ts";

/** The verdict on one size, or on the mean over sizes. "unknown" where fewer than two seeds have both sides. */
export type Verdict = "better" | "worse" | "none" | "mixed" | "unknown";

/** The rule, for readers. */
export const rule =
  "Two recipes count as different if at least two seeds have both, the 95 % bootstrap interval of the mean difference " +
  "(paired by seed) leaves out 0, and the mean difference exceeds two standard errors, taken from the standard " +
  "deviation pooled over all recipes of the study. With three seeds the interval alone would be too narrow.";

/** Grown against another arm at one size. */
export interface SizeComparison {
  readonly stage: number;
  /** Final loss of grown − that of the other, in nats per token: below 0, grown is better. */
  readonly difference?: Difference;
  readonly verdict: Verdict;
  /** What the other had spent, as a multiple of what grown had. */
  readonly flopsRatio?: number;
  readonly tokensRatio?: number;
  /** FLOPs of the other over those of grown to the same loss, less 1; missing where a curve never gets there. */
  readonly speedUp?: number;
}

/** Grown against another arm. */
export interface Comparison {
  /** The id of the other arm. */
  readonly id: string;
  /** The name of the other arm, within a sentence. */
  readonly name: string;
  /** Those reached by growing, from the second on; of some arms the last alone. */
  readonly sizes: readonly SizeComparison[];
  /** The mean over the sizes, paired by seed; of seeds that have all of the sizes that can be compared. */
  readonly average?: Difference;
  readonly verdict: Verdict;
  readonly sentence: string;
}

/** How sentences name the arms of a study. */
const names: ReadonlyMap<string, string> = new Map([
  ["scratch-tokens", "training from scratch with the tokens of the stage"],
  ["scratch-flops", "training from scratch at equal cumulative FLOPs"],
  ["scratch-total", "training from scratch on all the tokens that the grown model saw"],
  ["transformer-tokens", "the Transformer with the tokens of the stage"],
  ["transformer-flops", "the Transformer at equal cumulative FLOPs"],
  ["rotary-flops", "the Transformer with rotary positions at equal cumulative FLOPs"],
  ["net2net", "the Transformer widened step by step (Net2Net)"],
  ["no-growth", "the smallest model trained on without growth"],
]);

/** One comparison for each arm but the grown one, in the order of the results. */
export function compareArms(results: StudyResults): Comparison[] {
  const grown = results.arms.find(({ id }) => id === "grown");
  const deviation = studySpread(results)?.deviation;
  const others = results.arms.filter((arm) => arm !== grown);
  return others.map((other) => compare(results, grown, other, deviation));
}

function compare(
  results: StudyResults,
  grown: ArmResult | undefined,
  other: ArmResult,
  deviation: number | undefined,
): Comparison {
  const name = names.get(other.id) ?? `“${other.label}”`;
  const sizes = comparedStages(other, results).map((stage) => compareSize(grown, other, stage, deviation));
  const average = deviation === undefined ? undefined : averageOf(sizes, deviation);
  const verdict = overall(sizes, average);
  const found = { id: other.id, name, sizes, verdict, ...(average && { average }) };
  return { ...found, sentence: sentenceOf(found, results) };
}

function compareSize(
  grown: ArmResult | undefined,
  other: ArmResult,
  stage: number,
  deviation: number | undefined,
): SizeComparison {
  const cells = { grown: grown && cellOf(grown, stage), other: cellOf(other, stage) };
  const losses = { grown: lossesOf(cells.grown, stage), other: lossesOf(cells.other, stage) };
  const difference = deviation === undefined ? undefined : pairedDifference(losses.grown, losses.other, deviation);
  const ratio = (budget: "flops" | "tokens") => {
    const [own, others] = [spentBy(cells.grown, stage, budget), spentBy(cells.other, stage, budget)];
    return own === undefined || others === undefined ? undefined : others / own;
  };
  const speedUp = cells.grown && cells.other && speedUpOf(cells.grown, cells.other, stage);
  const [flopsRatio, tokensRatio] = [ratio("flops"), ratio("tokens")];
  return {
    stage,
    verdict: verdictOf(difference),
    ...(difference && { difference }),
    ...(flopsRatio !== undefined && { flopsRatio }),
    ...(tokensRatio !== undefined && { tokensRatio }),
    ...(speedUp !== undefined && { speedUp }),
  };
}

/** The verdict on a difference of losses by the rule: "better" is that the first loss is lower. */
export function verdictOf(difference: Difference | undefined): Verdict {
  if (difference === undefined || difference.count < 2) return "unknown";
  if (!isDifferent(difference)) return "none";
  return difference.mean < 0 ? "better" : "worse";
}

/** C_other / C_grown − 1, where C is what the mean curve had spent when it first reached the higher of the final losses. */
function speedUpOf(
  grown: Parameters<typeof curveOf>[0],
  other: Parameters<typeof curveOf>[0],
  stage: number,
): number | undefined {
  const curves = [curveOf(grown, stage, "flops"), curveOf(other, stage, "flops")];
  const ends = curves.flatMap((curve) => curve.at(-1)?.loss ?? []);
  if (ends.length < 2) return undefined;
  const [own, others] = curves.map((curve) => spentAt(curve, Math.max(...ends)));
  return own === undefined || others === undefined ? undefined : others / own - 1;
}

/** The mean over sizes. As these are not independent (a grown model was the one before), its standard error is that of a single size. */
function averageOf(sizes: readonly SizeComparison[], deviation: number): Difference | undefined {
  const all = sizes.flatMap(({ difference, verdict }) =>
    difference && verdict !== "unknown" ? [difference.values] : [],
  );
  const means = new Map<number, number>();
  for (const seed of all[0]?.keys() ?? []) {
    const values = all.flatMap((differences) => differences.get(seed) ?? []);
    if (values.length === all.length) means.set(seed, mean(values));
  }
  return pairedDifference(means, new Map(Array.from(means.keys(), (seed) => [seed, 0])), deviation);
}

const countOf = (sizes: readonly SizeComparison[], verdict: Verdict): number =>
  sizes.filter((size) => size.verdict === verdict).length;

/** The verdict on an arm: that on the mean, unless a size says the opposite, or the sizes that differ do not carry it. */
function overall(sizes: readonly SizeComparison[], average: Difference | undefined): Verdict {
  const [better, worse] = [countOf(sizes, "better"), countOf(sizes, "worse")];
  const mean = verdictOf(average);
  if (better > 0 && worse > 0) return "mixed";
  if (mean === "unknown")
    return better > 0 ? "better" : worse > 0 ? "worse" : countOf(sizes, "none") > 0 ? "none" : mean;
  if (mean === "none") return better + worse > 0 ? "mixed" : "none";
  return (mean === "better" ? worse : better) > 0 ? "mixed" : mean;
}

/** A size by its parameters: "1.06 M". */
export const sizeName = (stage: StageDescription | undefined): string =>
  stage === undefined ? "?" : formatCount(stage.parameters);

type Found = Omit<Comparison, "sentence">;

function sentenceOf(found: Found, results: StudyResults): string {
  const { name, sizes, average, verdict } = found;
  const judged = sizes.filter((size) => size.verdict !== "unknown").length;
  const missing = judged < sizes.length && judged > 0 ? ` (${judged} of ${sizes.length} sizes so far)` : "";
  if (verdict === "unknown") return `Grown against ${name}: not known yet, as no size has two seeds of both.`;
  if (verdict === "none")
    return `No difference found between grown and ${name}${noneDetail(average, judged)}${missing}.`;
  if (verdict === "mixed") return `Mixed: against ${name}, grown is ${mixedDetail(found, results)}${missing}.`;
  const clear = sizes.length === 1 ? "at the largest size" : `at ${countOf(sizes, verdict)} of ${judged} sizes`;
  const amount = average === undefined ? "" : ` by ${amountOf(average)}${judged > 1 ? " on average," : ""}`;
  return `Grown is ${verdict} than ${name}${amount} ${clear}${missing}.`;
}

/** "0.031 nats (95 % interval 0.020 to 0.041)", of the magnitude. */
export function amountOf(difference: Difference): string {
  const sign = difference.mean < 0 ? -1 : 1;
  const [low, high] = [sign * difference.low, sign * difference.high].sort((a, b) => a - b);
  return `${decimals(sign * difference.mean)} nats (95 % interval ${decimals(low ?? 0)} to ${decimals(high ?? 0)})`;
}

export const decimals = (value: number): string =>
  value.toFixed(3) === "-0.000" ? "0.000" : value.toFixed(3).replace("-", "−");

function noneDetail(average: Difference | undefined, judged: number): string {
  const sizes = judged === 1 ? "1 size" : `${judged} sizes`;
  if (average === undefined) return ` at ${sizes}`;
  const side = average.mean <= 0 ? "better" : "worse";
  const seen = decimals(2 * average.standardError);
  return ` at ${sizes}: on average grown is ${side} by ${amountOf(average)}, where two standard errors are ${seen}`;
}

function mixedDetail({ sizes, average }: Found, { stages }: StudyResults): string {
  const parts = (["better", "worse", "none"] as const).flatMap((verdict) => {
    const at = sizes.filter((size) => size.verdict === verdict);
    if (at.length === 0) return [];
    const names = at.map(({ stage }) => sizeName(stages[stage]));
    const what = verdict === "none" ? "not different" : verdict;
    return [`${what} at ${at.length} of ${sizes.length} sizes (${names.join(", ")})`];
  });
  const mean = average && `; on average ${average.mean < 0 ? "better" : "worse"} by ${amountOf(average)}`;
  return `${parts.join(", ")}${mean ?? ""}`;
}
