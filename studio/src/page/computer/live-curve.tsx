/** The losses of a run on this computer, live. */

import { useMemo } from "preact/hooks";
import uPlot from "uplot";
import type { History } from "../../engine/history.ts";
import { compact, count, loss } from "../format.ts";
import { Chart } from "../parts/chart.tsx";
import { colour } from "../parts/colours.ts";
import { theme } from "../parts/theme.tsx";
import { curvesOf } from "../watch/curves.ts";
import { growthMarks } from "../watch/growth-marks.ts";
import { useLiveHistory } from "./live-history.ts";

const OPTIONS = { unit: "nats", across: "step", logAcross: false, logUp: false, smoothing: 0.9 } as const;

export function LiveCurve({ run, name }: { readonly run: string; readonly name: string }) {
  const history = useLiveHistory(run);
  const data = useMemo(() => dataOf(history), [history]);
  const marks = useMemo(() => growthMarks(), []);
  marks.show([history], OPTIONS);
  const last = history.training.at(-1);
  return (
    <div class="live-curve">
      <Chart data={data} options={plotOptions(marks.plugin)} shape={theme.value} label={described(name, history)} />
      <p class="note numbers">
        {last === undefined
          ? "No losses yet."
          : `Step ${count(last.step)}: training loss ${loss(last.loss)}, held-out loss ${loss(history.validation.at(-1)?.loss)} nats per token, ${compact(last.tokensPerSecond)} tokens a second.`}
      </p>
    </div>
  );
}

function dataOf(history: History): uPlot.AlignedData {
  const { raw, smooth, validation } = curvesOf(history, OPTIONS);
  return uPlot.join([raw, smooth, validation].map(({ x, y }) => [[...x], [...y]]));
}

function plotOptions(plugin: uPlot.Plugin): Omit<uPlot.Options, "width" | "height"> {
  const axis = {
    stroke: colour("--quiet"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  const stroke = colour("--run-1");
  const line = { spanGaps: true, points: { show: false }, stroke };
  return {
    legend: { show: false },
    padding: [16, 30, 0, 0],
    cursor: { y: false },
    scales: { x: { time: false } },
    axes: [
      { ...axis, space: 80, values: (_, splits) => splits.map(compact) },
      { ...axis, size: 46 },
    ],
    series: [
      {},
      { ...line, width: 1, alpha: 0.22 },
      { ...line, width: 2 },
      { ...line, width: 1, points: { show: true, size: 5, fill: stroke, stroke } },
    ],
    plugins: [plugin],
  };
}

function described(name: string, { training, validation }: History): string {
  const [first, last] = [training[0], training.at(-1)];
  if (last === undefined) return `Chart of the losses of ${name}: none yet.`;
  return `Chart of the losses of ${name}: training loss from ${loss(first?.loss)} to ${loss(last.loss)} nats per token at step ${last.step}, on held-out text ${loss(validation.at(-1)?.loss)}.`;
}
