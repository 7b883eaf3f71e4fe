/** The curves, the final losses, and the table of all numbers. */

import { formatCount, formatDuration, formatFlops, formatLoss } from "../../report/format.ts";
import { cellOf, meanOutcome, outcomesOf, spentBy } from "../outcomes.ts";
import type { ArmResult, StudyResults } from "../results.ts";
import { type Comparison, decimals, sizeName } from "../verdicts.ts";
import { curvePanels } from "./curve-panels.ts";
import { type Block, type Cell, dash, details, figure, note, percent, type Section, table } from "./document.ts";
import { frontierFigure, frontierNote } from "./frontier-figure.ts";
import { sizePanels } from "./loss-panels.ts";

export function computeSection(results: StudyResults, comparisons: readonly Comparison[]): Section {
  return {
    title: "Loss against compute",
    blocks: [
      ...figure(frontierFigure(results), frontierNote(results)),
      ...details("Grown against each arm, size by size", comparisonBlocks(results, comparisons)),
    ],
  };
}

function comparisonBlocks(results: StudyResults, comparisons: readonly Comparison[]): Block[] {
  const rows = comparisons.flatMap((found) => comparisonRows(found, results));
  const explained = note(
    "Difference: loss of grown less that of the other; below 0, grown is better. 2 SE: two standard errors. FLOPs and tokens: what the other arm spent, as a share of what grown had spent. Speed-up: FLOPs of the other over those of grown, less 1, when their mean curves first reach the higher of the two final losses (interpolated over the logarithm of FLOPs).",
  );
  return rows.length === 0 ? [] : [...table("Grown against the other arms", comparisonColumns, rows), explained];
}

const comparisonColumns = [
  { title: "Against" },
  { title: "Size", number: true },
  { title: "Difference (nats)", number: true },
  { title: "95 % interval", number: true },
  { title: "2 SE", number: true },
  { title: "Grown is" },
  { title: "FLOPs", number: true },
  { title: "Tokens", number: true },
  { title: "Speed-up", number: true },
];

const words = {
  better: "better",
  worse: "worse",
  none: "not different",
  mixed: "mixed",
  unknown: "not known",
} as const;

function comparisonRows({ id, sizes }: Comparison, { arms, stages }: StudyResults): Cell[][] {
  const label = arms.find((arm) => arm.id === id)?.label ?? id;
  return sizes.flatMap(({ stage, difference, verdict, flopsRatio, tokensRatio, speedUp }): Cell[][] => {
    if (difference === undefined) return [];
    const share = (ratio: number | undefined) => (ratio === undefined ? dash : percent(ratio));
    return [
      [
        ...[label, sizeName(stages[stage]), decimals(difference.mean)],
        ...[`${decimals(difference.low)} to ${decimals(difference.high)}`, decimals(2 * difference.standardError)],
        ...[
          words[verdict],
          share(flopsRatio),
          share(tokensRatio),
          speedUp === undefined ? "no crossing" : percent(speedUp),
        ],
      ],
    ];
  });
}

const curveNote =
  "Mean over seeds; the band reaches from the lowest to the highest seed. Dashed rules: the grown arm grew; above them, its size. An arm with a run for each size has a line for each. The numbers at the right are the last losses.";

export function curveSection(results: StudyResults): Section {
  const blocks: Block[] = [
    ...figure(curvePanels(results, "flops"), curveNote),
    ...details("The same against tokens", figure(curvePanels(results, "tokens"), curveNote)),
    ...details(
      "The same against wall time",
      figure(
        curvePanels(results, "seconds"),
        `${curveNote} Time of training alone, on the machine below; it depends on what else ran there.`,
      ),
    ),
  ];
  return { title: "Curves", blocks: blocks.length === 0 ? [note("No run has ended yet.")] : blocks };
}

export function lossSection(results: StudyResults): Section {
  const rows = results.stages.flatMap((_, stage) => results.arms.flatMap((arm) => numberRow(arm, stage, results)));
  const blocks: Block[] = [
    ...figure(
      sizePanels(results),
      "Large dots: means; bars: 95 % bootstrap intervals; small dots: seeds. The rule is the mean of grown. Each plot has its own range, all of the same span.",
    ),
    ...details("All numbers", table("Final losses", numberColumns, rows)),
  ];
  return { title: "Final loss at each size", blocks: blocks.length === 0 ? [note("No run has ended yet.")] : blocks };
}

const numberColumns = [
  { title: "Arm" },
  { title: "Size", number: true },
  { title: "Loss (nats per token)", number: true },
  { title: "95 % interval", number: true },
  { title: "Bits per byte", number: true },
  { title: "FLOPs", number: true },
  { title: "Tokens", number: true },
  { title: "Time", number: true },
  { title: "Parameters", number: true },
  { title: "Seeds", number: true },
];

function numberRow(arm: ArmResult, stage: number, { stages, data }: StudyResults): Cell[][] {
  const cell = cellOf(arm, stage);
  const loss = meanOutcome(cell, stage, (outcome) => outcome.loss);
  if (loss === undefined) return [];
  const spent = (budget: "flops" | "tokens" | "seconds") => spentBy(cell, stage, budget) ?? 0;
  const [outcome] = outcomesOf(cell, stage).values();
  return [
    [
      ...[
        arm.label,
        sizeName(stages[stage]),
        formatLoss(loss.mean),
        `${formatLoss(loss.low)} to ${formatLoss(loss.high)}`,
      ],
      ...[
        formatLoss(loss.mean / Math.LN2 / data.bytesPerToken),
        formatFlops(spent("flops")),
        formatCount(spent("tokens")),
      ],
      ...[formatDuration(spent("seconds")), formatCount(outcome?.parameters ?? 0), String(loss.count)],
    ],
  ];
}
