/** Lines on the chart where a run has grown, each with what it has grown to. */

import type uPlot from "uplot";
import type { RunView } from "../../engine/api.ts";
import { compact } from "../format.ts";
import { colour, generationProperty } from "../parts/colours.ts";
import type { ChartOptions } from "../store/state.ts";

interface Mark {
  readonly at: number;
  readonly label: string;
  /** The custom property with the colour of the tokens that were born there. */
  readonly property: string;
}

export interface GrowthMarks {
  readonly plugin: uPlot.Plugin;
  show(runs: readonly Pick<RunView, "growths">[], options: ChartOptions): void;
}

export function growthMarks(): GrowthMarks {
  let marks: readonly Mark[] = [];
  return {
    plugin: { hooks: { draw: (plot) => drawAll(plot, marks) } },
    show: (runs, { across }) => {
      marks = runs.flatMap(({ growths }) =>
        growths.map((growth, index) => ({
          at: growth[across],
          label: `grew to ${compact(growth.parametersAfter)}`,
          property: generationProperty(index + 1),
        })),
      );
    },
  };
}

/** Pixels from one row of labels to the next, of the letters in it, and between a line and its label. */
const ROW = 16;
const LETTERS = 12;
const GAP = 6;

function drawAll(plot: uPlot, marks: readonly Mark[]): void {
  const { ctx: context, bbox } = plot;
  const placed = marks
    .map((mark) => ({ ...mark, x: plot.valToPos(mark.at, "x", true) }))
    .filter(({ x }) => x >= bbox.left && x <= bbox.left + bbox.width)
    .toSorted((a, b) => a.x - b.x);
  context.save();
  drawLines(context, bbox, placed);
  drawLabels(context, bbox, placed);
  context.restore();
}

type Placed = readonly (Mark & { readonly x: number })[];

function drawLines(context: CanvasRenderingContext2D, bbox: uPlot.BBox, marks: Placed): void {
  context.lineWidth = 1.5 * devicePixelRatio;
  for (const { x, property } of marks) {
    context.strokeStyle = colour(property);
    context.beginPath();
    context.moveTo(x, bbox.top);
    context.lineTo(x, bbox.top + bbox.height);
    context.stroke();
  }
}

/** Labels beside their lines, in as many rows as they need, over the lines of others. */
function drawLabels(context: CanvasRenderingContext2D, bbox: uPlot.BBox, marks: Placed): void {
  const scale = devicePixelRatio;
  context.font = `600 ${LETTERS * scale}px system-ui, sans-serif`;
  context.textBaseline = "top";
  context.textAlign = "left";
  const taken: { readonly row: number; readonly from: number; readonly to: number }[] = [];
  for (const { x, label } of marks) {
    const width = context.measureText(label).width;
    const room = GAP * scale;
    const from = x + width + room > bbox.left + bbox.width ? x - width - room : x + room;
    const to = from + width + room;
    let row = 0;
    while (taken.some((other) => other.row === row && other.from < to && from < other.to)) row++;
    taken.push({ row, from, to });
    const top = bbox.top + (2 + row * ROW) * scale;
    context.fillStyle = colour("--card");
    context.fillRect(from - 2 * scale, top - scale, width + 4 * scale, (LETTERS + 2) * scale);
    context.fillStyle = colour("--ink");
    context.fillText(label, from, top);
  }
}
