/** A plot of one row for each thing compared: its mean, its interval and its seeds. */

import { dot, gridX, type Markish, rect, ruleX, ruleY, text } from "@observablehq/plot";
import type { Range } from "../../report/curve.ts";
import { draw, type Frame, fontSize } from "../../report/figure.ts";
import type { Estimate } from "../statistics.ts";
import { attribute, heading, type Panel, panelWidth } from "./panel.ts";

export interface Row {
  readonly label: string;
  /** What is written at the right. */
  readonly value: string;
  /** Missing where nothing is known yet. */
  readonly estimate?: Estimate;
  /** The values of the seeds. */
  readonly values: readonly number[];
  /** Name of a colour. */
  readonly colour: string;
  readonly hollow?: boolean;
}

export interface DotPlot {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly rows: readonly Row[];
  readonly x: Range;
  readonly xLabel: string;
  readonly xFormat: (value: number) => string;
  /** A rule through all rows. */
  readonly at?: { readonly x: number; readonly colour: string };
  /** A shaded range. */
  readonly band?: Range;
}

const rowHeight = 40;

export function dotPanel({ name, title, description, rows, x, xLabel, xFormat, at, band }: DotPlot): Panel {
  const height = 34 + rowHeight * rows.length + 44;
  const frame: Frame = {
    width: panelWidth,
    height,
    left: 6,
    right: 6,
    top: 34,
    bottom: 44,
    x,
    y: [0, rows.length],
  };
  const ticks = 5;
  const told = attribute(description);
  const rule = at === undefined ? [] : [ruleX([at.x], { stroke: at.colour, strokeWidth: 1.25, strokeOpacity: 0.7 })];
  const shade = band === undefined ? [] : [rect([band], { x1: "0", x2: "1", fill: "var(--muted)", fillOpacity: 0.13 })];
  const plot = draw({
    frame,
    description: told,
    xAxis: { label: xLabel, ticks, format: xFormat },
    yLabel: "",
    yTicks: 0,
    yFormat: String,
    marks: [
      ...heading([{ text: title, colour: "currentColor" }], frame),
      gridX({ ticks, stroke: "var(--rule)", strokeOpacity: 1 }),
      ...shade,
      ...rule,
      ...rows.flatMap((row, place) => drawRow(row, rows.length - place - 0.5, x)),
    ],
  });
  return { name, description: told, plot };
}

function drawRow({ label, value, estimate, values, colour, hollow }: Row, y: number, [low, high]: Range): Markish[] {
  const word = {
    y: () => y,
    dy: -8,
    fontSize,
    stroke: "var(--page)",
    strokeWidth: 4,
    fill: `var(--${colour}-text)`,
  } as const;
  const words = [
    text([low], { ...word, x: (x: number) => x, text: () => label, textAnchor: "start" }),
    text([high], { ...word, x: (x: number) => x, text: () => value, textAnchor: "end", fontWeight: 600 }),
  ];
  if (estimate === undefined) return words;
  const mark = `var(--${colour})`;
  const inside = { y: () => y, dy: 9 } as const;
  return [
    ...words,
    ruleY([estimate], { ...inside, x1: "low", x2: "high", stroke: mark, strokeWidth: 2.5, strokeOpacity: 0.6 }),
    dot(values, { ...inside, x: (v: number) => v, r: 2, fill: mark, fillOpacity: 0.55 }),
    dot([estimate], {
      ...inside,
      x: "mean",
      r: 4.5,
      stroke: hollow === true ? mark : "var(--page)",
      strokeWidth: hollow === true ? 2 : 1,
      fill: hollow === true ? "var(--page)" : mark,
    }),
  ];
}
