/** How the plan of a study looks in a terminal. */

import { availableParallelism } from "node:os";
import { formatCount, formatDuration, formatFlops } from "../lab/report/format.ts";
import { costOf, describeStages, plannedRuns, type Speed, type StudyPlan, secondsOf } from "../lab/study/index.ts";
import { note, printTable } from "./output.ts";

/** Everything that the study will do, as a value for programs. */
export function planSummary(plan: StudyPlan, speed: Speed, parallel: number) {
  const rows = [
    ...plan.arms.map(({ id, label, doc, cells }) => ({ id, label, doc, ...costOf(plan, cells) })),
    ...plan.questions.map(({ id, question, variants }) => {
      // The reference belongs to every question and is run once.
      const own = variants.filter((variant) => variant.id !== "reference").map(({ cell }) => cell);
      return { id, label: question, doc: variants.map(({ label }) => label).join("; "), ...costOf(plan, own) };
    }),
  ];
  const total = costOf(plan);
  return {
    stages: describeStages(plan.study),
    rows,
    total,
    seconds: secondsOf(total, speed) / Math.min(parallel, availableParallelism()),
  };
}

/** Prints sizes, arms, questions and what they cost, to stderr. */
export function notePlan(plan: StudyPlan, speed: Speed, parallel: number): void {
  const { study } = plan;
  const { stages, rows, total, seconds } = planSummary(plan, speed, parallel);
  note(`study ${study.name}: ${study.doc}`);
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
  note(
    `about ${formatDuration(seconds)} on this machine, ${parallel} run${parallel === 1 ? "" : "s"} at a time (a calibration measured ${formatFlops(rate)}/s and ${(1000 * speed.secondsPerStep).toFixed(1)} ms an update beside that)`,
  );
}
