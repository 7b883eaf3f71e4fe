/** A figure of several curves over an axis in powers of two. */

import { dot, lineY } from "@observablehq/plot";
import { extent, type Point, padded } from "../report/curve.ts";
import { draw, type Frame } from "../report/figure.ts";
import { endLabels } from "../report/marks.ts";
import { standalone } from "../report/standalone.ts";

export interface Curve {
  readonly name: string;
  readonly colour: "blue" | "orange";
  /** How dark it is, from 0 to 1, to tell curves of one colour apart. */
  readonly strength: number;
  readonly dashed?: boolean;
  /** Sorted by x; x above 0. */
  readonly points: readonly Point[];
}

export interface CurvesFigure {
  /** What the plot shows, for those who cannot see it. */
  readonly description: string;
  readonly xLabel: string;
  readonly xFormat: (value: number) => string;
  readonly yLabel: string;
  readonly curves: readonly Curve[];
}

/** The figure as SVG. */
export function curvesFigure({ description, xLabel, xFormat, yLabel, curves }: CurvesFigure): string {
  const drawn = curves.map((curve) => ({ ...curve, points: curve.points.map(({ x, y }) => ({ x: Math.log2(x), y })) }));
  const all = drawn.flatMap(({ points }) => points);
  const frame: Frame = {
    width: 670,
    height: 400,
    left: 52,
    right: 220,
    top: 34,
    bottom: 44,
    x: padded(extent(all.map(({ x }) => x)), 0.04),
    y: padded(extent(all.map(({ y }) => y)), 0.06),
  };
  const place = { x: "x", y: "y" } as const;
  const yFormat = (loss: number) => loss.toFixed(2);
  const plot = draw({
    frame,
    description,
    xAxis: {
      label: xLabel,
      ticks: [...new Set(all.map(({ x }) => x))].toSorted((a, b) => a - b),
      format: (log) => xFormat(2 ** log),
    },
    yLabel,
    yFormat,
    marks: [
      ...drawn.flatMap(({ points, colour, strength, dashed = false }) => [
        lineY(points, {
          ...place,
          stroke: `var(--${colour})`,
          strokeOpacity: strength,
          strokeWidth: 1.75,
          ...(dashed && { strokeDasharray: "4 3" }),
        }),
        dot(points, { ...place, fill: `var(--${colour})`, fillOpacity: strength, r: 3 }),
      ]),
      ...endLabels(
        drawn.map(({ name, colour, points }) => {
          const y = points.at(-1)?.y ?? Number.NaN;
          return { name, value: yFormat(y), y, colour: `var(--${colour}-text)` };
        }),
        frame,
      ),
    ],
  });
  return standalone(plot);
}
