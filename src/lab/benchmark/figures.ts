/** Plots of how the time of a step grows. */

import { dot, lineY } from "@observablehq/plot";
import { extent, padded } from "../report/curve.ts";
import { draw, type Frame } from "../report/figure.ts";
import { formatDuration, formatInteger } from "../report/format.ts";
import { endLabels } from "../report/marks.ts";
import { standalone } from "../report/standalone.ts";
import type { Scaling } from "./scaling.ts";

/** A figure of each scaling as SVG, by the name of its file. */
export function scalingFigures(scalings: readonly Scaling[]): Map<string, string> {
  return new Map(scalings.map((scaling) => [`scaling-${scaling.what.split(" ")[0]}.svg`, scalingFigure(scaling)]));
}

/** The time of a step beside what it would be if it grew with the operations, both axes in powers of two. */
function scalingFigure({ what, points }: Scaling): string {
  const [first] = points;
  const measured = points.map(({ value, seconds }) => ({ x: Math.log2(value), y: Math.log2(seconds) }));
  const formula = points.map(({ value, flops }) => ({
    x: Math.log2(value),
    y: Math.log2((flops / (first?.flops ?? 1)) * (first?.seconds ?? 1)),
  }));
  const frame: Frame = {
    width: 560,
    height: 340,
    left: 58,
    right: 110,
    top: 34,
    bottom: 44,
    x: padded(extent(measured.map(({ x }) => x)), 0.04),
    y: padded(extent([...measured, ...formula].map(({ y }) => y)), 0.08),
  };
  const place = { x: "x", y: "y" } as const;
  const format = (log: number) => formatDuration(2 ** log);
  const plot = draw({
    frame,
    description: `Time of a training step against ${what}, beside the operations that the formula counts`,
    xAxis: { label: what, ticks: measured.map(({ x }) => x), format: (log) => formatInteger(2 ** log) },
    yLabel: "time of a step",
    yFormat: format,
    marks: [
      lineY(formula, { ...place, stroke: "var(--orange)", strokeWidth: 1.75, strokeDasharray: "4 3" }),
      lineY(measured, { ...place, stroke: "var(--blue)", strokeWidth: 1.75 }),
      dot(measured, { ...place, fill: "var(--blue)", r: 3.5 }),
      ...endLabels(
        [
          {
            name: "as operations",
            colour: "var(--orange-text)",
            value: format(formula.at(-1)?.y ?? 0),
            y: formula.at(-1)?.y ?? 0,
          },
          {
            name: "measured",
            colour: "var(--blue-text)",
            value: format(measured.at(-1)?.y ?? 0),
            y: measured.at(-1)?.y ?? 0,
          },
        ],
        frame,
      ),
    ],
  });
  return standalone(plot);
}
