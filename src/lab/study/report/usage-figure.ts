/** How much the parameter tokens of each generation are used at the end, beside how many there are. */

import { type Markish, rect, text } from "@observablehq/plot";
import { mean } from "simple-statistics";
import { draw, type Frame, fontSize } from "../../report/figure.ts";
import { textWidth } from "../../report/labels.ts";
import type { GenerationUse, StudyResults } from "../results.ts";
import { sizeName } from "../verdicts.ts";
import { percent } from "./document.ts";
import { attribute, heading, type Panel, panelWidth } from "./panel.ts";

/** The use of generations in the grown arm, as the mean of its seeds; none where no run has it. */
export function usageOf({ arms }: StudyResults): GenerationUse[] {
  const runs = arms.find(({ id }) => id === "grown")?.cells.flatMap((cell) => cell.runs) ?? [];
  const known = runs.flatMap(({ usage }) => (usage === undefined ? [] : [usage]));
  const generations = Math.max(0, ...known.map((usage) => usage.length));
  const complete = known.filter((usage) => usage.length === generations);
  return Array.from({ length: generations }, (_, at) => {
    const uses = complete.flatMap((usage) => usage.slice(at, at + 1));
    const meanOf = (figure: (use: GenerationUse) => number) => mean(uses.map(figure));
    return {
      born: meanOf(({ born }) => born),
      tokenShare: meanOf(({ tokenShare }) => tokenShare),
      massShare: meanOf(({ massShare }) => massShare),
      gradientShare: meanOf(({ gradientShare }) => gradientShare),
    };
  });
}

const rows = [
  { label: "share of the tokens", share: ({ tokenShare }: GenerationUse) => tokenShare },
  { label: "share of what they add to the outputs", share: ({ massShare }: GenerationUse) => massShare },
  { label: "share of the gradient’s squared norm", share: ({ gradientShare }: GenerationUse) => gradientShare },
];

export function usageFigure(results: StudyResults): Panel[] {
  const uses = usageOf(results);
  if (uses.length === 0) return [];
  const frame: Frame = {
    width: panelWidth,
    height: 274,
    left: 6,
    right: 12,
    top: 48,
    bottom: 44,
    x: [0, 1],
    y: [0, 3],
  };
  const parts = rows.map(({ label, share }) => `${label} ${uses.map((use) => percent(share(use))).join(", ")}`);
  const description = attribute(`Generations of parameter tokens, from the oldest: ${parts.join("; ")}`);
  const plot = draw({
    frame,
    description,
    xAxis: { label: "share of all parameter tokens", ticks: 5, format: percent },
    yLabel: "",
    yTicks: 0,
    yFormat: String,
    marks: [
      ...heading([{ text: "Old and new tokens at the end of the grown arm", colour: "currentColor" }], frame),
      ...rows.flatMap((row, place) => bars(uses, row, 2.5 - place, results)),
    ],
  });
  return [{ name: "token-use", description, plot }];
}

function bars(
  uses: readonly GenerationUse[],
  row: (typeof rows)[number],
  y: number,
  { stages }: StudyResults,
): Markish[] {
  const parts = uses.map((use, at) => {
    const from = uses.slice(0, at).reduce((sum, older) => sum + row.share(older), 0);
    const name = at === 0 ? `first ${sizeName(stages[0])}` : `to ${sizeName(stages[at])}`;
    return { from, share: row.share(use), name, shade: 0.25 + (0.75 * at) / Math.max(1, uses.length - 1) };
  });
  const label = { x: () => 0, y: () => y + 0.36, textAnchor: "start", fontSize, fill: "var(--muted)" } as const;
  return [text([row.label], { ...label, text: () => row.label }), ...parts.flatMap((part) => bar(part, y))];
}

interface Part {
  readonly from: number;
  readonly share: number;
  readonly name: string;
  readonly shade: number;
}

function bar({ from, share, name, shade }: Part, y: number): Markish[] {
  const box = { x1: from, x2: from + share, y1: y - 0.4, y2: y + 0.18 };
  const pixels = (panelWidth - 18) * share;
  const lines = [name, percent(share)].filter((line) => textWidth(line, fontSize) + 6 < pixels);
  const fill = shade > 0.6 ? "var(--page)" : "currentColor";
  const middle = { x: () => from + share / 2, y: () => y - 0.11, fill, fontSize, lineHeight: 1.15 } as const;
  return [
    rect([box], { x1: "x1", x2: "x2", y1: "y1", y2: "y2", fill: "var(--blue)", fillOpacity: shade, insetRight: 1 }),
    ...(lines.length === 0 ? [] : [text([lines.join("\n")], { ...middle, text: (line: string) => line })]),
  ];
}
