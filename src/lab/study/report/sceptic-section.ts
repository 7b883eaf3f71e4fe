/** A sceptic's questions, and what the study does not show. */

import { mean } from "simple-statistics";
import { formatInteger } from "../../report/format.ts";
import type { AblationVerdicts } from "../ablations.ts";
import { allCells, cellOf, spentBy, studySpread } from "../outcomes.ts";
import type { StudyResults } from "../results.ts";
import { type Comparison, decimals, sizeName, type Verdict } from "../verdicts.ts";
import { type Answer, counted, listed, percent, type Section } from "./document.ts";
import { isAtEdge } from "./rate-panels.ts";
import { gridSizes } from "./rate-section.ts";

export function scepticSection(
  results: StudyResults,
  comparisons: readonly Comparison[],
  ablations: AblationVerdicts,
): Section {
  const items: Answer[] = [
    { question: "Were the baselines tuned?", sentences: tuning(results) },
    { question: "Equal compute or equal tokens?", sentences: budgets(comparisons) },
    { question: "How many seeds, and how much do they differ?", sentences: seeds(results) },
    { question: "Is it the learning-rate schedule?", sentences: schedule(results, ablations) },
    { question: "Does the function-preserving start matter?", sentences: preservation(ablations) },
  ];
  return { title: "A sceptic’s five questions", blocks: [{ kind: "answers", items }] };
}

function tuning(results: StudyResults): string[] {
  const cells = allCells(results).filter(({ grid }) => grid.length > 0);
  if (cells.length === 0) return ["No: no learning rates have been compared, every recipe has the one that was given."];
  const edges = cells.filter(isAtEdge).length;
  const stakes = cells.flatMap(({ grid }) => {
    const losses = grid
      .map(({ loss }) => loss)
      .filter(Number.isFinite)
      .sort((a, b) => a - b);
    const [best, second] = losses;
    return best === undefined || second === undefined ? [] : [second - best];
  });
  const cost =
    stakes.length === 0 ? "" : ` The second best rate of a grid costs ${decimals(mean(stakes))} nats on average.`;
  return [
    `Each recipe, baselines and variants alike, had ${gridSizes(results)} tried by one rule, with a seed of its own; nothing else was tuned for any arm. ${counted(edges, "recipe")} of ${cells.length} ended at the edge of the grid.${cost}`,
  ];
}

function budgets(comparisons: readonly Comparison[]): string[] {
  const tell = (id: string, what: string) => {
    const found = comparisons.find((comparison) => comparison.id === id);
    if (found === undefined || found.verdict === "unknown") return [];
    const flops = found.sizes.flatMap(({ flopsRatio }) => flopsRatio ?? []);
    return [`${what} (${range(flops)} of the grown arm’s FLOPs): ${gist(found)}.`];
  };
  const told = [
    ...tell("scratch-flops", "From scratch at equal cumulative FLOPs"),
    ...tell("scratch-tokens", "From scratch with the tokens of the stage alone"),
    ...tell("scratch-total", "From scratch with all tokens that the grown arm had seen"),
  ];
  return told.length === 0 ? ["Not known yet."] : ["Both, and they are not the same question.", ...told];
}

const range = (ratios: readonly number[]): string => {
  const [low, high] = [percent(Math.min(...ratios)), percent(Math.max(...ratios))];
  return low === high ? low : `${low} to ${high}`;
};

const gists: Readonly<Record<Verdict, string>> = {
  better: "grown is better",
  worse: "grown is worse",
  none: "no difference was found",
  mixed: "sizes disagree",
  unknown: "not known",
};

function gist({ verdict, average }: Comparison): string {
  return average === undefined ? gists[verdict] : `${gists[verdict]} (${decimals(average.mean)} nats on average)`;
}

function seeds(results: StudyResults): string[] {
  const spread = studySpread(results);
  const count = results.seeds.length;
  if (spread === undefined)
    return [`${counted(count, "seed")}; how much they differ is not known yet, as no recipe has two.`];
  const least = 2 * spread.deviation * Math.sqrt(2 / count);
  return [
    `${counted(count, "seed")} for each recipe, the same for all. Final losses of a recipe deviate by ${decimals(spread.deviation)} nats between seeds (pooled, ${spread.degrees} degrees of freedom), so differences under ${decimals(least)} nats are not called differences.`,
  ];
}

function schedule({ training }: StudyResults, { questions }: AblationVerdicts): string[] {
  const found = questions.find(({ id }) => id === "schedule");
  if (found === undefined) return ["The study did not vary it."];
  const rises = training.warmup > 0 ? "warms up and " : "";
  const told =
    training.schedule === "constant"
      ? `${rises}stays constant, so final losses are compared at a rate that has not decayed`
      : `${rises}decays over its budget, and again after each growth, so final losses are compared at the ends of schedules, never in the midst of one`;
  return [`But for what is varied here, the learning rate of every run ${told}.`, ...found.sentences];
}

function preservation({ questions, sentences }: AblationVerdicts): string[] {
  const found = questions.filter(({ id }) => id === "init" || id === "tau");
  if (found.length === 0) return ["The study did not vary it."];
  const [, general] = sentences;
  const jumps = found.flatMap(({ variants }) =>
    variants.filter(({ jump }) => jump !== undefined && Math.abs(jump) >= 0.001),
  );
  const told = jumps.map(
    ({ label, jump, difference }) =>
      `${label} (jump of ${decimals(jump ?? 0)} at growth, ${difference === undefined ? "end not known" : `${decimals(difference.mean)} at the end`})`,
  );
  const detail =
    told.length === 0
      ? []
      : [`Ways to start that do not preserve the function, against the reference: ${listed([...new Set(told)])}.`];
  return [...(general === undefined ? [] : [general]), ...detail];
}

export function limitSection(results: StudyResults, comparisons: readonly Comparison[]): Section {
  const { stages, data, seeds: all, ablation } = results;
  const last = stages.length - 1;
  const tests = comparisons.reduce((sum, { sizes }) => sum + sizes.length, 0) + variantCount(results);
  const items = [
    `Size: ${listed(stages.map(sizeName))} parameters. Whether it holds for models a thousand times larger is not shown.`,
    `One corpus, ${data.name}: other text, and another tokenizer, may differ.`,
    ...epochs(results),
    `${counted(all.length, "seed")}: enough for differences well above the noise alone.`,
    `Short schedules: the grown arm makes ${formatInteger(stages.reduce((sum, { steps }) => sum + steps, 0))} updates in all.`,
    ...(results.training.schedule === "constant"
      ? []
      : [
          "Crossings for the speed-up lie in the midst of a curve, where its learning rate has not decayed yet: they understate whichever arm is ahead.",
        ]),
    `Some ${tests} comparisons are made, each by a rule that errs now and then; one that stands alone deserves doubt.`,
    ...(ablation.questions.length > 0
      ? [
          `The ways to grow were compared at one growth only, to ${sizeName(stages[ablation.stage])} parameters, one change at a time: what they do together or later is not shown.`,
        ]
      : []),
    ...timing(results, last),
  ];
  return { title: "What this does not show", blocks: [{ kind: "list", items }] };
}

const variantCount = ({ ablation }: StudyResults): number =>
  new Set(ablation.questions.flatMap(({ variants }) => variants.map(({ id }) => id))).size;

function epochs({ arms, stages, data }: StudyResults): string[] {
  const last = stages.length - 1;
  const passes = arms.flatMap((arm) => {
    const tokens = spentBy(cellOf(arm, last), last, "tokens");
    return tokens === undefined ? [] : [{ label: arm.label, count: tokens / data.trainTokens }];
  });
  const [first] = passes;
  if (first === undefined) return [];
  const most = passes.reduce((a, b) => (b.count > a.count ? b : a));
  const times = (count: number) => (count < 1 ? percent(count) : `${count.toFixed(1)} times`);
  const same = most === first ? "" : `, ${most.label} ${times(most.count)}`;
  const caution = most.count > 1 ? " Text seen again teaches less, and arms that see it more often pay for that." : "";
  return [`Epochs: ${first.label} goes over the training text ${times(first.count)}${same}.${caution}`];
}

/** What a GPU would make of it. */
function timing({ arms, machine }: StudyResults, last: number): string[] {
  const known = arms.some((arm) => spentBy(cellOf(arm, last), last, "seconds") !== undefined);
  return known
    ? [`Wall time is of one machine (${machine}), which other work may have shared; FLOPs are counted, not measured.`]
    : [];
}
