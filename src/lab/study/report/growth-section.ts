/** The growth steps, and the use of old and new tokens. */

import { mean } from "simple-statistics";
import { formatInteger, formatLoss } from "../../report/format.ts";
import type { CellResult, GrowthOutcome, StudyResults } from "../results.ts";
import {
  type Block,
  type Cell,
  dash,
  details,
  figure,
  note,
  paragraph,
  percent,
  type Section,
  table,
} from "./document.ts";
import { usageFigure, usageOf } from "./usage-figure.ts";

export function growthSection(results: StudyResults): Section[] {
  const rows = results.arms.flatMap((arm) => arm.cells.flatMap((cell) => growthRows(arm.label, cell)));
  const blocks: Block[] = [
    ...table("Growth steps", growthColumns, rows),
    ...(rows.length === 0
      ? []
      : [
          note(
            "Means over seeds of the validation loss just before and after each growth, after 2 % of the updates until the next one, and how many updates it took to be at the loss before the growth again.",
          ),
        ]),
    ...usageBlocks(results),
  ];
  return blocks.length === 0 ? [] : [{ title: "What happens at a growth", blocks }];
}

const growthColumns = [
  { title: "Arm" },
  { title: "What grew" },
  { title: "Step", number: true },
  { title: "Loss before", number: true },
  { title: "Just after", number: true },
  { title: "After the lag", number: true },
  { title: "Updates to recover", number: true },
];

function growthRows(label: string, { runs }: CellResult): Cell[][] {
  const most = Math.max(0, ...runs.map(({ growths }) => growths.length));
  return Array.from({ length: most }, (_, at) => {
    const growths = runs.flatMap((run) => run.growths.slice(at, at + 1));
    const meanOf = (figure: (growth: GrowthOutcome) => number | undefined) => {
      const known = growths.flatMap((growth) => figure(growth) ?? []).filter(Number.isFinite);
      return known.length === 0 ? undefined : mean(known);
    };
    const loss = (value: number | undefined) => (value === undefined ? dash : formatLoss(value));
    const recovered = growths.flatMap(({ recoverySteps }) => recoverySteps ?? []);
    const never = growths.length - recovered.length;
    const steps =
      recovered.length === 0 ? "never" : `${formatInteger(mean(recovered))}${never > 0 ? ` (${never} never)` : ""}`;
    return [
      label,
      growths[0]?.summary ?? "",
      formatInteger(meanOf(({ step }) => step) ?? 0),
      loss(meanOf(({ lossBefore }) => lossBefore)),
      loss(meanOf(({ lossAfter }) => lossAfter)),
      loss(meanOf(({ lagLoss }) => lagLoss)),
      steps,
    ];
  });
}

function usageBlocks(results: StudyResults): Block[] {
  const uses = usageOf(results);
  if (uses.length === 0) return [];
  const columns = [
    "Born at step",
    "Share of the tokens",
    "Of what they add to the outputs",
    "Of the gradient’s squared norm",
  ];
  const rows = uses.map(({ born, tokenShare, massShare, gradientShare }) => [
    ...[formatInteger(born), percent(tokenShare), percent(massShare), percent(gradientShare)],
  ]);
  const [first] = uses;
  const verb = first !== undefined && first.massShare > first.tokenShare ? "more" : "less";
  const told = `The first tokens are ${percent(first?.tokenShare ?? 0)} of all and add ${percent(first?.massShare ?? 0)} of what all add to the outputs: ${verb} than their share.`;
  return [
    { kind: "heading", text: "Use of old and new tokens" },
    ...(uses.length > 1 ? [paragraph(told)] : []),
    ...figure(
      usageFigure(results),
      "By generation, from the oldest (lightest) to the newest. Where all tokens were used alike, the bars would be divided alike.",
    ),
    ...details(
      "Numbers",
      table(
        "Use of tokens",
        columns.map((title) => ({ title, number: true })),
        rows,
      ),
    ),
  ];
}
