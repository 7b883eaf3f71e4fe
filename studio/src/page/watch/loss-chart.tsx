/** The losses of a run and of those beside it, on the same axes. */

import { useMemo } from "preact/hooks";
import uPlot from "uplot";
import type { RunView } from "../../engine/api.ts";
import { compact, duration, flops, loss, pieceName } from "../format.ts";
import { Chart } from "../parts/chart.tsx";
import { colour, runStyle } from "../parts/colours.ts";
import { theme } from "../parts/theme.tsx";
import { senderOf } from "../share/sender.ts";
import { type ChartOptions, chart, family } from "../store/state.ts";
import { ChartControls } from "./chart-controls.tsx";
import { type Curve, curveOfOld, curvesOf, unitScale } from "./curves.ts";
import { growthMarks } from "./growth-marks.ts";
import { Legend } from "./legend.tsx";
import { readout } from "./readout.ts";

const ACROSS: Readonly<Record<ChartOptions["across"], { label: string; format: (value: number) => string }>> = {
  step: { label: "updates", format: compact },
  tokens: { label: "text seen", format: compact },
  flops: { label: "floating-point operations", format: (value) => flops(value).replace(/\.0+(?=\u202f)/, "") },
  seconds: { label: "time of training", format: duration },
};

function unitWords({ unit }: ChartOptions, [run]: readonly RunView[]): string {
  return unit === "bits" ? "bits per byte" : `nats per ${pieceName(run?.pieces ?? "characters")}`;
}

export function LossChart() {
  const options = chart.value;
  const runs = family.value;
  const data = useMemo(() => dataOf(runs, options), [runs, options]);
  const marks = useMemo(() => growthMarks(), []);
  marks.show(runs, options);
  const shape = `${theme.value} ${runs.map(({ summary }) => summary.id).join(" ")} ${JSON.stringify(options)}`;
  return (
    <section class="card curves" aria-labelledby="loss-title">
      <div class="section-head">
        <h2 id="loss-title">
          Loss <small>{unitWords(options, runs)}, lower is better</small>
        </h2>
        <ChartControls />
      </div>
      <div class="chart-box">
        <Chart
          data={data}
          options={plotOptions(runs, options, marks.plugin)}
          shape={shape}
          label={described(runs, options)}
        />
        {runs.every(({ training }) => training.length === 0) && (
          <p class="empty">The curve begins with the first update.</p>
        )}
      </div>
      <Legend runs={runs} />
    </section>
  );
}

function dataOf(runs: readonly RunView[], options: ChartOptions): uPlot.AlignedData {
  const tables = runs.flatMap((run): uPlot.AlignedData[] => {
    const { raw, smooth, validation } = curvesOf(run, options);
    return [raw, smooth, validation].map(({ x, y }) => [[...x], [...y]]);
  });
  const others = [...oldCurve(runs, options), ...sentCurve(runs, options)];
  const more = others.map(({ x, y }): uPlot.AlignedData => [[...x], [...y]]);
  return tables.length === 0 ? [[]] : uPlot.join([...tables, ...more]);
}

/** The losses of a run that learns a skill, on the text that its model had learned before: at most one curve. */
function oldCurve([run]: readonly RunView[], options: ChartOptions): Curve[] {
  if (run?.skill?.oldText === undefined) return [];
  return [curveOfOld(run, options)];
}

/** The held-out losses of who sent the link that the run was made of: at most one curve. */
function sentCurve([run]: readonly RunView[], options: ChartOptions): Curve[] {
  const sent = run === undefined ? [] : senderOf(run.summary.id);
  if (run === undefined || sent.length === 0 || options.across !== "step") return [];
  const scale = unitScale(run, options.unit);
  const shown = sent.filter(({ step }) => !options.logAcross || step > 0);
  return [{ x: shown.map(({ step }) => step), y: shown.map(({ loss: value }) => value * scale) }];
}

function plotOptions(
  runs: readonly RunView[],
  options: ChartOptions,
  plugin: uPlot.Plugin,
): Omit<uPlot.Options, "width" | "height"> {
  const { format } = ACROSS[options.across];
  const ink = colour("--quiet");
  const axis = { stroke: ink, grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: FONT };
  return {
    legend: { show: false },
    // Room for half a label on the right.
    padding: [16, 44, 0, 0],
    cursor: { y: false, points: { size: 7 } },
    scales: {
      x: { time: false, distr: options.logAcross ? 3 : 1 },
      y: { distr: options.logUp ? 3 : 1, range: rangeUp },
    },
    axes: [
      {
        ...axis,
        values: (_, splits) => labels(splits, format),
        // There is no half of an update, nor of a character.
        ...(isCounted(options) && { incrs: WHOLE }),
        space: 80,
        size: 32,
      },
      { ...axis, size: 46, values: (_, splits) => labels(splits, ticked) },
    ],
    series: [
      {},
      ...runs.flatMap(({ summary }, index) => seriesOf(runStyle(index, summary.architecture))),
      ...oldCurve(runs, options).map(oldSeries),
      ...sentCurve(runs, options).map(sentSeries),
    ],
    plugins: [plugin, readout(runs, options)],
  };
}

const WHOLE = Array.from({ length: 36 }, (_, index) => ([1, 2, 5][index % 3] ?? 1) * 10 ** Math.floor(index / 3));

const isCounted = ({ across, logAcross }: ChartOptions) => !logAcross && (across === "step" || across === "tokens");

/** Labels of the axis; one that would say the same as the one before says nothing. */
function labels(splits: readonly (number | null)[], format: (value: number) => string): string[] {
  const words = splits.map((value) => (value === null ? "" : format(value)));
  return words.map((word, index) => (word === words[index - 1] ? "" : word));
}

const FONT = "12px system-ui, sans-serif";

const ticked = (value: number) => String(Number(value.toPrecision(3)));

/** The range of the axis, with some room, and never empty. */
function rangeUp(_: uPlot, low: number | null, high: number | null): uPlot.Range.MinMax {
  if (low === null || high === null) return [1, 5];
  const room = Math.max(0.02, (high - low) * 0.06);
  return [Math.max(0.01, low - room), high + room];
}

/** The series of a run: the loss of each update, its smooth course, and the losses on held-out text. */
function seriesOf({ property, dash }: ReturnType<typeof runStyle>): uPlot.Series[] {
  const stroke = colour(property);
  const line = { spanGaps: true, points: { show: false }, stroke };
  return [
    { ...line, width: 1, alpha: 0.3 },
    { ...line, width: 2, dash: [...dash] },
    // Seldom measured: a line from the first, of an untrained model, to the next would cross the chart.
    { ...line, paths: () => null, points: { show: true, size: 5, fill: stroke, stroke } },
  ];
}

const oldSeries = (): uPlot.Series => ({
  spanGaps: true,
  stroke: colour("--run-2"),
  width: 1.5,
  dash: [9, 4],
  points: { show: true, size: 5, fill: colour("--card"), stroke: colour("--run-2") },
});

const sentSeries = (): uPlot.Series => ({
  spanGaps: true,
  stroke: colour("--quiet"),
  width: 1.5,
  dash: [2, 4],
  points: { show: true, size: 4, fill: colour("--card"), stroke: colour("--quiet") },
});

function described(runs: readonly RunView[], options: ChartOptions): string {
  const unit = unitWords({ ...options, unit: "nats" }, runs);
  const sentences = runs.map(({ summary, training, validation, growths }) => {
    const first = training[0]?.loss;
    const last = training.at(-1)?.loss;
    const grown = growths.map(({ step }) => `grown at step ${step}`).join(", ");
    return `${summary.name}: training loss from ${loss(first)} to ${loss(last)} ${unit} at step ${summary.step}, on held-out text ${loss(validation.at(-1)?.loss)}${grown === "" ? "" : `, ${grown}`}.`;
  });
  return `Chart of ${unitWords(options, runs)} over ${ACROSS[options.across].label}. ${sentences.join(" ")}`;
}
