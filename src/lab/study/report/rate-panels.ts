/** The choice of learning rates: loss against learning rate, a line for each recipe. */

import { dot, lineY, type Markish, text } from "@observablehq/plot";
import { extent, padded } from "../../report/curve.ts";
import { draw, type Frame, fontSize, pixelY } from "../../report/figure.ts";
import { spread } from "../../report/labels.ts";
import { tickFormat } from "../../report/loss-figure.ts";
import type { ArmResult, CellResult, StudyResults } from "../results.ts";
import { sizeName } from "../verdicts.ts";
import { decimalTicks } from "./axes.ts";
import { lookOf, markColour, textColour } from "./palette.ts";
import { attribute, axisTitle, heading, type Panel, panelWidth } from "./panel.ts";

/** Whether the best rate is the lowest or the highest tried, so that a better one may lie beyond. */
export function isAtEdge({ grid, learningRate }: CellResult): boolean {
  const rates = grid.map((tried) => tried.learningRate);
  return rates.length > 0 && (learningRate <= Math.min(...rates) || learningRate >= Math.max(...rates));
}

/** A panel for each arm with a grid. */
export function ratePanels(results: StudyResults): Panel[] {
  return results.arms.flatMap((arm) => {
    const cells = arm.cells.filter(({ grid }) => finite(grid).length > 0);
    return cells.length === 0 ? [] : [drawRates(arm, cells, results)];
  });
}

interface Tried {
  readonly x: number;
  readonly y: number;
}

const finite = (grid: CellResult["grid"]): Tried[] =>
  grid
    .map(({ learningRate, loss }) => ({ x: Math.log10(learningRate), y: loss }))
    .filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))
    .sort((a, b) => a.x - b.x);

function drawRates(arm: ArmResult, cells: readonly CellResult[], results: StudyResults): Panel {
  const all = cells.flatMap(({ grid }) => finite(grid));
  const x = padded(extent(all.map((tried) => tried.x)), 0.06);
  const y = padded(extent(all.map((tried) => tried.y)), 0.07);
  const frame: Frame = { width: panelWidth, height: 280, left: 46, right: 76, top: 46, bottom: 44, x, y };
  const description = attribute(`Validation loss of ${arm.label} against the learning rate`);
  const tried = [...new Set(all.map((rate) => rate.x))];
  const ticks = tried.length > 5 ? decimalTicks([10 ** x[0], 10 ** x[1]], 5).map(Math.log10) : tried;
  const named = cells.map((cell) => ({ cell, name: nameOf(cell, results) }));
  const look = lookOf(arm.id);
  const plot = draw({
    frame,
    description,
    xAxis: { label: "highest learning rate", ticks, format: (x) => formatRate(10 ** x) },
    yLabel: "",
    yFormat: tickFormat(y),
    marks: [
      ...heading([{ text: arm.label, colour: textColour(look) }], frame),
      axisTitle("validation loss (nats per token)", frame),
      ...cells.flatMap((cell) => drawGrid(cell, markColour(look))),
      ...lineNames(named, frame, textColour(look)),
    ],
  });
  return { name: `rates-${arm.id}`, description, plot };
}

/** The name of a line by its size: a run that grows is tuned as a whole, and an arm of a single size needs none. */
function nameOf({ id, stage, runs }: CellResult, { stages }: StudyResults): string {
  if (runs.some(({ growths }) => growths.length > 0)) return "all sizes";
  return id.includes("/") ? sizeName(stages[stage]) : "";
}

/** "0.001". */
export const formatRate = (rate: number): string =>
  rate >= 1e-4 ? String(Number(rate.toPrecision(3))) : rate.toExponential(1).replace("-", "−");

function drawGrid(cell: CellResult, colour: string): Markish[] {
  const tried = finite(cell.grid);
  const chosen = tried.filter(({ x }) => Math.abs(x - Math.log10(cell.learningRate)) < 1e-6);
  const place = { x: "x", y: "y" } as const;
  const ring = isAtEdge(cell) ? [dot(chosen, { ...place, r: 9, stroke: "var(--ink)", strokeWidth: 1.5 })] : [];
  return [
    lineY(tried, { ...place, stroke: colour, strokeWidth: 1.5 }),
    dot(tried, { ...place, r: 2.5, fill: colour }),
    dot(chosen, { ...place, r: 5.5, fill: colour, stroke: "var(--page)", strokeWidth: 1 }),
    ...ring,
  ];
}

function lineNames(cells: readonly { cell: CellResult; name: string }[], frame: Frame, fill: string): Markish[] {
  const ends = cells.flatMap(({ cell, name }) =>
    finite(cell.grid)
      .slice(-1)
      .map(({ y }) => ({ y, name })),
  );
  const placed = spread(
    ends.map(({ y }) => pixelY(frame, y)),
    1.3 * fontSize,
    frame.height - frame.bottom,
  );
  return ends.map(({ name }, at) => {
    const place = { frameAnchor: "top-right", textAnchor: "start", lineAnchor: "middle", dx: 2 } as const;
    return text([name], { ...place, dy: (placed[at] ?? 0) - frame.top, fill, fontSize });
  });
}
