/** The figure of a frontier: losses over FLOPs, of every size from scratch, of the best ones, and of one grown run. */

import { dot, lineY, type Markish, ruleX } from "@observablehq/plot";
import { extent, padded } from "../report/curve.ts";
import { draw, type Frame } from "../report/figure.ts";
import { formatFlops, formatLoss } from "../report/format.ts";
import { endLabels } from "../report/marks.ts";
import { standalone } from "../report/standalone.ts";
import type { FrontierArm } from "./config.ts";
import { curveOf } from "./metrics.ts";
import { bestOf, type FrontierResults, lossOf, type Point, pointsOf } from "./results.ts";

interface Line {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly Dot[];
  readonly isThin?: boolean;
}

interface Dot {
  /** Logarithm to base 10 of the FLOPs. */
  readonly x: number;
  readonly y: number;
  /** The lowest and the highest of the seeds. */
  readonly low: number;
  readonly high: number;
}

/** The colours of the style know no green, purple, brown and grey: they are added, as `standalone` adds its own. */
const SINGLE_COLOURS =
  ":root { --grey: #5b6570; --grey-text: #4d5660; --green: #1a7f4b; --green-text: #14633a; --purple: #9a4a8c; --purple-text: #82397a; --brown: #8a4b12; --brown-text: #77400f; } @media (prefers-color-scheme: dark) { :root { --grey: #a0a8b0; --grey-text: #b5bcc3; --green: #4cc38a; --green-text: #6fd3a4; --purple: #cc79a7; --purple-text: #e0a3c6; --brown: #c08a52; --brown-text: #d8ac7d; } }";

/** The arms of one track each, with their colours. */
const singles = [
  ["grown", "green"],
  ["grown-by-default", "purple"],
  ["zero-start", "grey"],
  ["net2net", "brown"],
] as const satisfies readonly (readonly [FrontierArm, string])[];

/** Whether there is anything to draw: a point whose runs are done and did not diverge. */
export const hasFigure = (results: FrontierResults): boolean => linesOf(results).length > 0;

/** The figure as SVG. Undefined where there is nothing to draw. */
export function frontierFigure(results: FrontierResults): string | undefined {
  const lines = linesOf(results);
  const all = lines.flatMap(({ points }) => points);
  if (all.length === 0) return undefined;
  const frame: Frame = {
    width: 760,
    height: 480,
    left: 52,
    right: 190,
    top: 34,
    bottom: 44,
    x: padded(extent(all.map(({ x }) => x)), 0.05),
    y: padded(extent(all.flatMap(({ low, high }) => [low, high])), 0.06),
  };
  const named = lines.filter(({ isThin }) => isThin !== true);
  const furthest = Math.max(...all.map(({ x }) => x));
  const plot = draw({
    frame,
    description: `Held-out loss over the FLOPs of training: ${named.map(({ name, points }) => `${name} ${formatLoss(points.at(-1)?.y ?? Number.NaN)}`).join(", ")}`,
    xAxis: {
      label: "FLOPs of training, cooldowns included",
      ticks: results.budgets.map((flops) => Math.log10(flops)),
      format: (log) => formatFlops(10 ** log),
    },
    yLabel: "held-out loss, nats per token",
    yFormat: (loss) => loss.toFixed(2),
    marks: [
      ...lines.flatMap(marksOf),
      ...endLabels(
        named.map(({ name, colour, points }) => {
          const y = points.at(-1)?.y ?? Number.NaN;
          const x = points.at(-1)?.x ?? Number.NaN;
          // A line that ends before others is not to be compared with their ends.
          const where = x < furthest - 0.1 ? ` at ${formatFlops(10 ** x)}` : "";
          return { name, value: `${formatLoss(y)}${where}`, y, colour: `var(--${colour}-text)` };
        }),
        frame,
      ),
    ],
  });
  return standalone(plot, SINGLE_COLOURS);
}

/** The lines, without the points of runs that diverged: an infinite loss has no place on an axis, and would take that of all others. */
function linesOf(results: FrontierResults): Line[] {
  const isThere = ({ y, high }: Dot) => Number.isFinite(y) && Number.isFinite(high);
  return [...sizesOf(results), ...envelopesOf(results), ...singlesOf(results)]
    .map((line) => ({ ...line, points: line.points.filter(isThere) }))
    .filter(({ points }) => points.length > 0);
}

function marksOf({ points, colour, isThin = false }: Line): Markish[] {
  const stroke = `var(--${colour})`;
  const line = lineY(points, {
    x: "x",
    y: "y",
    stroke,
    strokeWidth: isThin ? 1 : 2.25,
    strokeOpacity: isThin ? 0.4 : 1,
  });
  if (isThin) return [line, dot(points, { x: "x", y: "y", fill: stroke, fillOpacity: 0.4, r: 2 })];
  return [
    line,
    ruleX(points, { x: "x", y1: "low", y2: "high", stroke, strokeWidth: 2.5, strokeOpacity: 0.5 }),
    dot(points, { x: "x", y: "y", fill: stroke, r: 3.5 }),
  ];
}

/** Every size from scratch, thin. */
function sizesOf(results: FrontierResults): Line[] {
  return results.tracks.flatMap(({ id, arm }) => {
    if (arm !== "scratch" && arm !== "rotary") return [];
    const points = curveOf(results, id).map(({ flops, loss }) => ({
      x: Math.log10(flops),
      y: loss,
      low: loss,
      high: loss,
    }));
    return [{ name: id, colour: arm === "scratch" ? "blue" : "orange", points, isThin: true }];
  });
}

/** The best size of each family at each budget. */
function envelopesOf(results: FrontierResults): Line[] {
  return (["scratch", "rotary"] as const).map((arm) => {
    const points = results.budgets.flatMap((_, budget) => {
      const best = bestOf(results, arm, budget);
      return best === undefined ? [] : [dotOf(best.points)];
    });
    const scratch = arm === "scratch";
    return { name: scratch ? "TokenFormer, best" : "rotary GPT, best", colour: scratch ? "blue" : "orange", points };
  });
}

function singlesOf(results: FrontierResults): Line[] {
  return singles.map(([arm, colour]) => {
    const points = results.budgets.flatMap((_, budget) => {
      const found = pointsOf(results, arm, budget);
      return found.length === 0 ? [] : [dotOf(found)];
    });
    return { name: arm === "net2net" ? "GPT widened" : arm.replaceAll("-", " "), colour, points };
  });
}

function dotOf(points: readonly Point[]): Dot {
  const losses = points.map((point) => lossOf(point, "report"));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = Math.log10(mean(points.map(({ flops }) => flops)));
  return { x, y: mean(losses), low: Math.min(...losses), high: Math.max(...losses) };
}
