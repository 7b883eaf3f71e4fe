/** What was measured, as Markdown. */

import {
  formatBytes,
  formatCount,
  formatDuration,
  formatInteger,
  formatScientific,
  formatShare,
} from "../report/format.ts";
import type { Measurements } from "./benchmark.ts";
import type { StepComparison, StepRow } from "./compare.ts";
import type { GrowthRow } from "./growth.ts";
import type { Limits } from "./limits.ts";
import type { Scaling } from "./scaling.ts";
import type { Spread } from "./spread.ts";
import type { StartUp } from "./start-up.ts";

/** When, where and with what it was measured. */
export interface Circumstances {
  readonly date: string;
  readonly machine: string;
  readonly software: string;
}

export interface BenchmarkReport extends Measurements, Circumstances {}

/** One comparison of steps, without the peak of products. */
export const comparisonMarkdown = (comparison: StepComparison): string => stepSection(comparison, []);

/** The report, with its figures under the names of `scalingFigures`. */
export function benchmarkMarkdown(report: BenchmarkReport, figures: readonly string[] = []): string {
  const { steps = [], limits = [], growth = [], scaling = [], startUp, notMeasured = [] } = report;
  const sections = [
    `# Benchmark\n\n${report.date}, ${report.machine}; ${report.software}. Medians, with the least and the most in brackets.`,
    ...steps.map((comparison) => stepSection(comparison, limits)),
    ...limits.map(limitSection),
    ...(growth.length > 0 ? [growthSection(growth)] : []),
    ...(startUp === undefined ? [] : [startUpSection(startUp)]),
    ...(scaling.length > 0 ? [scalingSection(scaling, figures)] : []),
    ...(notMeasured.length > 0 ? [notMeasuredSection(notMeasured)] : []),
  ];
  return `${sections.join("\n\n")}\n`;
}

function stepSection(comparison: StepComparison, limits: readonly Limits[]): string {
  const { work, model, rounds, stepsEach, rows } = comparison;
  const peak = Math.max(...limits.filter((limit) => limit.work === work).flatMap(({ peaks }) => peaks));
  const cells = rows.map((row) => [
    row.instructions === undefined ? row.name : `${row.name}, ${row.instructions}`,
    ...[seconds(row.seconds), formatInteger(row.tokensPerSecond), rate(row.flopsPerSecond)],
    Number.isFinite(peak) && row.precision === "float32" ? formatShare(row.flopsPerSecond / peak) : "–",
    ...[ratio(row.timeOverOurs), formatBytes(row.peakBytes), difference(row)],
  ]);
  const head = [
    "",
    "step",
    "tokens/s",
    "GFLOP/s",
    "of the peak",
    "time over ours",
    "peak memory of the host",
    "losses differ by",
  ];
  const note = `${counted(rounds, "round")}, in turns of ${counted(stepsEach, "step")}.`;
  const parts = [`## Training step: ${model}, ${work}`, ...equalTerms(rows), table(head, cells), note];
  return parts.join("\n\n");
}

/** Who uses the instructions that we use, and how it does beside us: what comes first. */
function equalTerms([ours, ...others]: readonly StepRow[]): string[] {
  const instructions = ours?.instructions;
  if (instructions === undefined) return [];
  const [equal, unequal] = [true, false].map((same) =>
    others.filter((row) => row.lossDifference !== undefined && (row.instructions === instructions) === same),
  );
  const told = (rows: readonly StepRow[] = []) =>
    rows.map(({ name, timeOverOurs }) => `${name} ${ratio(timeOverOurs)}`).join(", ");
  const lines = [
    ...(equal?.length ? [`On equal terms (${instructions}), time over ours: ${told(equal)}.`] : []),
    ...(unequal?.length ? [`On others, or with instructions that are not known: ${told(unequal)}.`] : []),
  ];
  return lines.length === 0 ? [] : [lines.join(" ")];
}

function limitSection({ work, model, names, products, peaks }: Limits): string {
  const head = ["product", "in a step", ...names.map((name) => `${name}, GFLOP/s`)];
  const rows = products.map(({ shape, count, rates }) => [shape, `${count}`, ...rates.map(rateSpread)]);
  const best = ["highest", "", ...peaks.map((peak) => rate(peak))];
  return `## Matrix products alone: ${model}, ${work}\n\n${table(head, [...rows, best])}`;
}

function growthSection(rows: readonly GrowthRow[]): string {
  const head = [
    "",
    "parameters",
    "growth",
    "peak memory",
    "of the grown state",
    "until the next step",
    "its peak memory",
  ];
  const cells = rows.map((row) => [
    row.name,
    `${formatCount(row.parametersBefore)} → ${formatCount(row.parametersAfter)}`,
    ...[formatDuration(row.growth), formatBytes(row.peakBytes), formatShare(row.peakBytes / row.stateBytes)],
    row.nextStep === undefined ? "–" : formatDuration(row.nextStep),
    row.peakBytesOfStep === undefined ? "–" : formatBytes(row.peakBytesOfStep),
  ]);
  return `## Growth\n\n${table(head, cells)}`;
}

function startUpSection({ help, node, firstStep, sessions }: StartUp): string {
  const times = table(
    ["", "time"],
    [
      ["`node -e 0`", seconds(node)],
      ["`tokenformer --help`", seconds(help)],
      ["`tokenformer train --preset mini`, until the first step", seconds(firstStep)],
    ],
  );
  const programs = table(
    ["layers", "nodes", "trace and gradients", "written as ONNX", "session"],
    sessions.map(({ layers, nodes, ...spent }) => [
      ...[`${layers}`, formatInteger(nodes)],
      ...[formatDuration(spent.graph), formatDuration(spent.emission), formatDuration(spent.session)],
    ]),
  );
  return `## Start-up\n\n${times}${sessions.length === 0 ? "" : `\n\n${programs}`}`;
}

function scalingSection(scalings: readonly Scaling[], figures: readonly string[]): string {
  const rows = scalings.flatMap(({ what, points }) =>
    points.map(({ value, seconds: time, flops }) => {
      const [first] = points;
      const [longer, more] = first === undefined ? [1, 1] : [time / first.seconds, flops / first.flops];
      return [what, `${value}`, formatDuration(time), rate(flops / time), longer.toFixed(2), more.toFixed(2)];
    }),
  );
  const head = ["", "", "step", "GFLOP/s", "times as long", "times the operations"];
  return [`## Scaling\n\n${table(head, rows)}`, ...figures.map((file) => `![](${file})`)].join("\n\n");
}

const notMeasuredSection = (names: readonly { readonly name: string; readonly reason: string }[]) =>
  `## Not measured\n\n${names.map(({ name, reason }) => `- ${name}: ${reason}`).join("\n")}`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, column) => (column === 0 ? "---" : "--:"));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`;

const rate = (flopsPerSecond: number) => (flopsPerSecond / 1e9).toFixed(flopsPerSecond < 1e10 ? 1 : 0);

const rateSpread = ({ median, least, most }: Spread) => `${rate(median)} (${rate(least)} to ${rate(most)})`;

const seconds = ({ median, least, most }: Spread) =>
  `${formatDuration(median)} (${formatDuration(least)} to ${formatDuration(most)})`;

const ratio = ({ median, least, most }: Spread) => `${median.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`;

const difference = ({ lossDifference }: StepRow) =>
  lossDifference === undefined ? "–" : lossDifference === 0 ? "0" : formatScientific(lossDifference);
