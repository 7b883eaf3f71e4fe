/** Validation loss against what was spent: grown beside each other arm, one plot each. */

import { areaY, lineY, type Markish, ruleX, text } from "@observablehq/plot";
import { crop, padded, type Range, sampleEvenly } from "../../report/curve.ts";
import { draw, type Frame, fontSize, pixelX, pixelY } from "../../report/figure.ts";
import { formatLoss } from "../../report/format.ts";
import { spread, textWidth } from "../../report/labels.ts";
import { tickFormat } from "../../report/loss-figure.ts";
import { type Budget, type Sample, spentAt } from "../crossings.ts";
import { curveOf, outcomesOf, spentBy } from "../outcomes.ts";
import type { ArmResult, StudyResults } from "../results.ts";
import { sizeName } from "../verdicts.ts";
import { budgetAxis, log10 } from "./axes.ts";
import { type Look, lookOf, markColour, textColour } from "./palette.ts";
import { attribute, axisTitle, heading, type Panel, panelWidth } from "./panel.ts";

/** A panel for each arm beside the grown one that has a curve; with the arm alone where there is no grown one. */
export function curvePanels(results: StudyResults, budget: Budget): Panel[] {
  const lines = results.arms.map((arm) => ({ arm, curves: curvesOf(arm, results.stages.length, budget) }));
  const known = lines.filter(({ curves }) => curves.length > 0);
  const ranges = rangesOf(known.flatMap(({ curves }) => curves));
  if (ranges === undefined) return [];
  const grown = known.find(({ arm }) => arm.id === "grown");
  const others = known.filter((line) => line !== grown);
  const pairs = others.length === 0 ? [known] : others.map((other) => [...(grown ? [grown] : []), other]);
  return pairs.map((pair) => drawPanel(results, pair, budget, ranges));
}

interface Line {
  readonly arm: ArmResult;
  readonly curves: readonly (readonly Sample[])[];
}

/** The mean curve of each cell, as far as its runs got. */
function curvesOf({ cells }: ArmResult, stages: number, budget: Budget): Sample[][] {
  return cells.flatMap((cell) => {
    const reached = Array.from({ length: stages }, (_, stage) => stage).filter(
      (stage) => outcomesOf(cell, stage).size > 0,
    );
    const last = reached.at(-1);
    const curve = last === undefined ? [] : curveOf(cell, last, budget);
    return curve.length < 2 ? [] : [sampleEvenly(curve.length, 200).flatMap((at) => curve.slice(at, at + 1))];
  });
}

/** The ranges of both axes, the same for all panels: from the lowest loss to well above the final ones, and from where the curves come into view. */
function rangesOf(curves: readonly (readonly Sample[])[]): { x: Range; y: Range } | undefined {
  const ends = curves.flatMap((curve) => curve.at(-1) ?? []);
  if (ends.length === 0) return undefined;
  const finals = ends.map(({ loss }) => loss);
  const [low, high] = [Math.min(...finals), Math.max(...finals)];
  const top = high + Math.max(0.35 * (high - low), 0.1);
  const begins = curves.flatMap((curve) => spentAt(curve, top) ?? []);
  const x: Range = [Math.min(...begins), Math.max(...ends.map(({ spent }) => spent))];
  return { x: x[1] > x[0] ? x : [x[0] / 2, x[1] * 2], y: padded([low, top], 0.03) };
}

function drawPanel(
  results: StudyResults,
  lines: readonly Line[],
  budget: Budget,
  ranges: { x: Range; y: Range },
): Panel {
  const frame: Frame = {
    width: panelWidth,
    height: 330,
    left: 46,
    right: 48,
    top: 62,
    bottom: 44,
    x: log10(ranges.x),
    y: ranges.y,
  };
  const names = lines.map(({ arm }) => arm.label);
  const description = attribute(`Validation loss of ${names.join(" and of ")} against ${budget}`);
  const labels = lines.map(({ arm }) => ({ text: arm.label, colour: textColour(lookOf(arm.id)) }));
  const plot = draw({
    frame,
    description,
    xAxis: budgetAxis(budget, ranges.x, frame.width - frame.left - frame.right),
    yLabel: "",
    yFormat: tickFormat(ranges.y),
    marks: [
      ...heading(labels, frame),
      axisTitle("validation loss (nats per token)", frame),
      ...sizeRules(results, frame, budget),
      ...lines.flatMap(({ arm, curves }) => curves.flatMap((curve) => drawCurve(curve, lookOf(arm.id), frame.y))),
      ...endValues(lines, frame),
    ],
  });
  return { name: `loss-${budget}-${lines.at(-1)?.arm.id ?? ""}`, description, plot };
}

function drawCurve(curve: readonly Sample[], look: Look, range: Range): Markish[] {
  const clamp = (loss: number) => Math.min(range[1], loss);
  const band = curve.map(({ spent, low, high }) => ({ x: Math.log10(spent), y1: clamp(low), y2: clamp(high) }));
  const line = crop(
    curve.map(({ spent, loss }) => ({ x: Math.log10(spent), y: loss })),
    range,
  );
  const dashes = look.dashes === undefined ? {} : { strokeDasharray: look.dashes };
  return [
    areaY(band, { x: "x", y1: "y1", y2: "y2", fill: markColour(look), fillOpacity: 0.22 }),
    lineY(line, { x: "x", y: "y", stroke: markColour(look), strokeWidth: 1.75, ...dashes }),
  ];
}

/** A dashed rule where the grown arm grew, and the size of its model between the rules. */
function sizeRules({ arms, stages }: StudyResults, frame: Frame, budget: Budget): Markish[] {
  const cell = arms.find(({ id }) => id === "grown")?.cells[0];
  const ends = stages.map((_, stage) => spentBy(cell, stage, budget)).map((spent) => spent && Math.log10(spent));
  return stages.flatMap((stage, at): Markish[] => {
    const [from, to] = [Math.max(ends[at - 1] ?? frame.x[0], frame.x[0]), ends[at]];
    if (to === undefined || to < frame.x[0]) return [];
    const label = sizeName(stage);
    const fits = pixelX(frame, to) - pixelX(frame, from) > textWidth(label, fontSize) + 4;
    const place = { x: (x: number) => x, frameAnchor: "top", lineAnchor: "bottom", dy: -5 } as const;
    const name = text([(from + to) / 2], { ...place, text: () => label, fill: "var(--muted)", fontSize });
    const rule = ruleX([to], { stroke: "var(--muted)", strokeDasharray: "2 3", strokeOpacity: 0.8, insetTop: -4 });
    return [...(at + 1 < stages.length ? [rule] : []), ...(fits ? [name] : [])];
  });
}

/** The last loss of each arm, right of its end. */
function endValues(lines: readonly Line[], frame: Frame): Markish[] {
  const ends = lines.flatMap(({ arm, curves }) => {
    const end = curves.at(-1)?.at(-1);
    return end === undefined ? [] : [{ loss: end.loss, x: Math.log10(end.spent), colour: textColour(lookOf(arm.id)) }];
  });
  const natural = ends.map(({ loss }) => pixelY(frame, loss));
  const placed = spread(natural, 1.25 * fontSize, frame.height - frame.bottom);
  return ends.map(({ loss, x, colour }, at) => {
    const place = { x: () => x, frameAnchor: "top", textAnchor: "start", lineAnchor: "middle" } as const;
    const dy = (placed[at] ?? 0) - frame.top;
    return text([loss], { ...place, text: () => formatLoss(loss), dx: 6, dy, fill: colour, fontSize, fontWeight: 600 });
  });
}
