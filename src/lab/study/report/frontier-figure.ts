/** The final loss of every size of every arm, over the FLOPs that it took. */

import { dot, lineY, link, type Markish, ruleX, text } from "@observablehq/plot";
import { extent, padded, type Range } from "../../report/curve.ts";
import { draw, type Frame, fontSize, pixelX, pixelY, type Size } from "../../report/figure.ts";
import { formatFlops, formatLoss } from "../../report/format.ts";
import { spread, textWidth } from "../../report/labels.ts";
import { tickFormat } from "../../report/loss-figure.ts";
import { cellOf, meanOutcome, spentBy } from "../outcomes.ts";
import type { ArmResult, StudyResults } from "../results.ts";
import type { Estimate } from "../statistics.ts";
import { budgetAxis } from "./axes.ts";
import { type Look, lookOf, markColour, textColour } from "./palette.ts";
import { attribute, type Panel } from "./panel.ts";

interface End extends Estimate {
  /** Logarithm to base 10 of the FLOPs. */
  readonly x: number;
}

interface Frontier {
  readonly label: string;
  readonly look: Look;
  readonly ends: readonly End[];
}

export function frontierFigure(results: StudyResults): Panel[] {
  const frontiers = results.arms.map((arm) => frontierOf(arm, results)).filter(({ ends }) => ends.length > 0);
  if (frontiers.length === 0) return [];
  const all = frontiers.flatMap(({ ends }) => ends);
  const last = frontiers.flatMap(({ label, ends }) => ends.slice(-1).map(({ mean }) => `${label} ${formatLoss(mean)}`));
  const description = attribute(`Final validation loss over cumulative FLOPs; of the largest size: ${last.join(", ")}`);
  const x = padded(extent(all.map((end) => end.x)), 0.04);
  const y = padded(extent(all.flatMap(({ low, high }) => [low, high])), 0.06);
  const [plot, narrow] = (["wide", "narrow"] as const).map((size) =>
    drawFrontiers(frontiers, { size, description, x, y }),
  );
  return plot === undefined ? [] : [{ name: "final-loss-flops", description, plot, ...(narrow && { narrow }) }];
}

function frontierOf(arm: ArmResult, { stages }: StudyResults): Frontier {
  const ends = stages.flatMap((_, stage): End[] => {
    const cell = cellOf(arm, stage);
    const loss = meanOutcome(cell, stage, (outcome) => outcome.loss);
    const flops = spentBy(cell, stage, "flops");
    return loss === undefined || flops === undefined || flops <= 0 ? [] : [{ ...loss, x: Math.log10(flops) }];
  });
  return { label: arm.label, look: lookOf(arm.id), ends };
}

interface Setting {
  readonly size: Size;
  readonly description: string;
  readonly x: Range;
  readonly y: Range;
}

function drawFrontiers(frontiers: readonly Frontier[], { size, description, x, y }: Setting) {
  const wide = size === "wide";
  const longest = Math.max(...frontiers.map(({ label }) => textWidth(`${label}  0.000`, fontSize)));
  const key = wide ? 0 : 18 * frontiers.length + 8;
  const frame: Frame = {
    width: wide ? 912 : 358,
    height: 30 + key + (wide ? 420 : 300) + 44,
    left: 48,
    top: 30 + key,
    bottom: 44,
    right: wide ? longest + 26 : 8,
    x,
    y,
  };
  const pixels = frame.width - frame.left - frame.right;
  const ends = wide ? endLabels(frontiers, frame) : keyRows(frontiers, frame);
  return draw({
    frame,
    description,
    xAxis: budgetAxis("flops", [10 ** x[0], 10 ** x[1]], pixels),
    yLabel: "final validation loss (nats per token)",
    yFormat: tickFormat(y),
    marks: [...ends, ...frontiers.toReversed().flatMap((frontier) => drawFrontier(frontier))],
  });
}

function drawFrontier({ look, ends }: Frontier): Markish[] {
  const stroke = markColour(look);
  const dashes = look.dashes === undefined ? {} : { strokeDasharray: look.dashes };
  const filled = look.dashes === undefined;
  return [
    lineY(ends, { x: "x", y: "mean", stroke, strokeWidth: look.colour === "blue" ? 2.5 : 1.5, ...dashes }),
    ruleX(ends, { x: "x", y1: "low", y2: "high", stroke, strokeWidth: 2.5, strokeOpacity: 0.5 }),
    dot(ends, {
      x: "x",
      y: "mean",
      r: 4,
      fill: filled ? stroke : "var(--page)",
      stroke: filled ? "var(--page)" : stroke,
      strokeWidth: filled ? 1 : 2,
    }),
  ];
}

/** Names and final losses right of the plot, each with a thin line to its dot. */
function endLabels(frontiers: readonly Frontier[], frame: Frame): Markish[] {
  const all = frontiers.flatMap(({ ends, ...rest }) => ends.slice(-1).map((end) => ({ ...rest, end })));
  const natural = all.map(({ end }) => pixelY(frame, end.mean));
  const placed = spread(natural, 1.4 * fontSize, frame.height - frame.bottom);
  const [low, high] = frame.y;
  const plotHeight = frame.height - frame.top - frame.bottom;
  return all.flatMap(({ label, look, end }, at): Markish[] => {
    const y = high - (((placed[at] ?? 0) - frame.top) / plotHeight) * (high - low);
    const leader = [{ x1: end.x, y1: end.mean, x2: frame.x[1], y2: y }];
    const far = frame.width - frame.right - pixelX(frame, end.x) > 6;
    const place = { x: "x2", y: "y2", textAnchor: "start", lineAnchor: "middle", dx: 6, fontSize } as const;
    const name = text(leader, {
      ...place,
      text: () => `${label}  ${formatLoss(end.mean)}`,
      fill: textColour(look),
      fontWeight: 600,
    });
    const line = link(leader, {
      x1: "x1",
      y1: "y1",
      x2: "x2",
      y2: "y2",
      stroke: markColour(look),
      strokeOpacity: 0.45,
    });
    return far ? [line, name] : [name];
  });
}

/** A key above a plot that is too narrow for labels beside it. */
function keyRows(frontiers: readonly Frontier[], frame: Frame): Markish[] {
  return frontiers.flatMap(({ label, look, ends }, row): Markish[] => {
    const dy = 4 - frame.top + 20 + 18 * row;
    const place = { frameAnchor: "top-left", dx: 8 - frame.left, dy, fontSize } as const;
    const last = ends.slice(-1).map(({ mean }) => `${label}  ${formatLoss(mean)}`);
    const filled = look.dashes === undefined;
    return [
      dot([0], {
        frameAnchor: "top-left",
        dx: 6 - frame.left,
        dy: dy + 5,
        r: 4,
        stroke: markColour(look),
        strokeWidth: 2,
        fill: filled ? markColour(look) : "var(--page)",
      }),
      text(last, { ...place, dx: 18 - frame.left, textAnchor: "start", fill: textColour(look), fontWeight: 600 }),
    ];
  });
}

export const frontierNote = (results: StudyResults): string => {
  const sizes = results.stages.length;
  const flops = results.arms.flatMap((arm) => spentBy(cellOf(arm, sizes - 1), sizes - 1, "flops") ?? []);
  const most = flops.length === 0 ? "" : `, up to ${formatFlops(Math.max(...flops))} a run`;
  return `Each dot is the mean final loss of an arm at one of the ${sizes} sizes${most}; bars are 95 % intervals over seeds. Lower and further left is better. Hollow dots and dashes: arms whose budget counts tokens.`;
};
