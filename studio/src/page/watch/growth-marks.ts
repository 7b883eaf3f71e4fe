/** Lines on the chart where a run has grown, each with what it has grown to. */

import type uPlot from "uplot";
import type { RunView } from "../../engine/api.ts";
import { compact } from "../format.ts";
import { colour } from "../parts/colours.ts";
import type { ChartOptions } from "../store/state.ts";

interface Mark {
  readonly at: number;
  readonly label: string;
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
        growths.map((growth) => ({ at: growth[across], label: `grew to ${compact(growth.parametersAfter)}` })),
      );
    },
  };
}

function drawAll(plot: uPlot, marks: readonly Mark[]): void {
  const { ctx: context, bbox } = plot;
  const scale = devicePixelRatio;
  context.save();
  context.strokeStyle = colour("--grow");
  context.fillStyle = colour("--grow-ink");
  context.lineWidth = 1.5 * scale;
  context.font = `600 ${12 * scale}px system-ui, sans-serif`;
  context.textBaseline = "top";
  context.textAlign = "left";
  let row = 0;
  let end = Number.NEGATIVE_INFINITY;
  for (const { at, label } of marks.toSorted((a, b) => a.at - b.at)) {
    const x = plot.valToPos(at, "x", true);
    if (!Number.isFinite(x) || x < bbox.left || x > bbox.left + bbox.width) continue;
    const width = context.measureText(label).width;
    row = x < end ? (row + 1) % 4 : 0;
    const left = x + width + 6 * scale > bbox.left + bbox.width ? x - width - 6 * scale : x + 6 * scale;
    end = Math.max(end, left + width + 8 * scale);
    context.beginPath();
    context.moveTo(x, bbox.top);
    context.lineTo(x, bbox.top + bbox.height);
    context.stroke();
    context.fillText(label, left, bbox.top + (2 + row * 16) * scale);
  }
  context.restore();
}
