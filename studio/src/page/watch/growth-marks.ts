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

const ROW = 16;

function drawAll(plot: uPlot, marks: readonly Mark[]): void {
  const { ctx: context, bbox } = plot;
  const scale = devicePixelRatio;
  context.save();
  context.lineWidth = 1.5 * scale;
  context.font = `600 ${12 * scale}px system-ui, sans-serif`;
  context.textBaseline = "top";
  context.textAlign = "left";
  const taken: { readonly row: number; readonly from: number; readonly to: number }[] = [];
  for (const { at, label, property } of marks.toSorted((a, b) => a.at - b.at)) {
    const x = plot.valToPos(at, "x", true);
    if (!Number.isFinite(x) || x < bbox.left || x > bbox.left + bbox.width) continue;
    context.strokeStyle = colour(property);
    context.beginPath();
    context.moveTo(x, bbox.top);
    context.lineTo(x, bbox.top + bbox.height);
    context.stroke();
    const width = context.measureText(label).width;
    const room = 6 * scale;
    const from = x + width + room > bbox.left + bbox.width ? x - width - room : x + room;
    const to = from + width + room;
    let row = 0;
    while (taken.some((other) => other.row === row && other.from < to && from < other.to)) row++;
    taken.push({ row, from, to });
    context.fillStyle = colour("--ink");
    context.fillText(label, from, bbox.top + (2 + row * ROW) * scale);
  }
  context.restore();
}
