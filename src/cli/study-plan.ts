/** How the plan of a study looks in a terminal. */

import { availableParallelism } from "node:os";
import { warningsOf } from "../configuration/index.ts";
import { formatCount, formatDuration, formatFlops } from "../lab/report/format.ts";
import {
  type Cost,
  cellsOf,
  costOf,
  describeStages,
  plannedRuns,
  type Speed,
  type StudyPlan,
  secondsOf,
} from "../lab/study/index.ts";
import { note, printTable } from "./output.ts";

/** What is left to be made, and how fast that will be. */
export interface Pace {
  readonly speed: Speed;
  /** Runs at a time. */
  readonly parallel: number;
  readonly left: Cost;
}

/** Everything that the study will do, as a value for programs; `seconds` are those of what is left. */
export function planSummary(plan: StudyPlan, { speed, parallel, left }: Pace) {
  const rows = [
    ...plan.arms.map(({ id, label, doc, cells }) => ({ id, label, doc, ...costOf(plan, cells) })),
    ...plan.questions.map(({ id, question, variants }) => {
      // The reference belongs to every question and is run once.
      const own = variants.filter((variant) => variant.id !== "reference").map(({ cell }) => cell);
      return { id, label: question, doc: variants.map(({ label }) => label).join("; "), ...costOf(plan, own) };
    }),
  ];
  return {
    stages: describeStages(plan.study),
    rows,
    total: costOf(plan),
    left,
    seconds: secondsOf(left, speed) / Math.min(parallel, availableParallelism()),
  };
}

/** Prints sizes, arms, questions and what they cost, to stderr. */
export function notePlan(plan: StudyPlan, pace: Pace): void {
  const { study } = plan;
  const { speed, parallel } = pace;
  const { stages, rows, total, left, seconds } = planSummary(plan, pace);
  note(`study ${study.name}: ${study.doc}`);
  for (const warning of new Set(cellsOf(plan).flatMap(({ config }) => warningsOf(config)))) note(`warning: ${warning}`);
  note();
  printTable(
    [
      ["size", "tokens a site", "parameters", "Transformer", "updates"],
      ...stages.map((stage, index) => [
        String(index + 1),
        `${stage.attention} / ${stage.feedForward}`,
        formatCount(stage.parameters),
        `width ${stage.width}, ${formatCount(stage.transformerParameters)}`,
        String(stage.steps),
      ]),
    ],
    note,
  );
  note();
  printTable(
    [
      ["arm or question", "runs", "updates", "tokens", "FLOPs"],
      ...[...rows, { label: "all", ...total }].map(({ label, runs, steps, tokens, flops }) => [
        ...[label, String(runs), formatCount(steps), formatCount(tokens)],
        formatFlops(flops),
      ]),
    ],
    note,
  );
  note();
  const rate = 1 / speed.secondsPerFlop;
  note(
    `${plannedRuns(plan)} runs of each recipe: ${study.learningRates.length > 1 ? `learning rates ${study.learningRates.join(", ")} with a seed of their own, ` : ""}then ${study.seeds} seed${study.seeds === 1 ? "" : "s"}; more learning rates are tried where the best is at the edge`,
  );
  if (left.runs === 0) {
    note("all of it is done already");
    return;
  }
  const rest = left.runs < total.runs ? ` for what is left, ${left.runs} of ${total.runs} runs` : "";
  note(
    `about ${formatDuration(seconds)} on this machine${rest}, ${parallel} run${parallel === 1 ? "" : "s"} at a time (a calibration measured ${formatFlops(rate)}/s and ${(1000 * speed.secondsPerStep).toFixed(1)} ms an update beside that)`,
  );
}
