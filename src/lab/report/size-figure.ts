/** The size of the model over the steps of the run. */

import { areaY, lineY, type Markish, text } from "@observablehq/plot";
import type { Point } from "./curve.ts";
import { draw, type Frame, fontSize, frameOf, pixelX, type Size, sizes } from "./figure.ts";
import { formatCount, formatFlops, formatShare } from "./format.ts";
import { html, type Markup } from "./html.ts";
import { textWidth } from "./labels.ts";
import { stepRange } from "./loss-figure.ts";
import { endLabels } from "./marks.ts";
import type { GrowthRecord, Report } from "./report.ts";

/** A stretch of the run during which the model had one size. */
interface Stage {
  readonly from: number;
  readonly to: number;
  readonly parameters: number;
}

/** The figure, with its caption; only for a run that grew. */
export function sizeFigure(report: Report): Markup {
  const stages = stagesOf(report);
  const plots = sizes.map((size) => html`<div class="${size}">${drawSizes(report, stages, size)}</div>`);
  return html`<figure>${plots}<figcaption>${caption(report, stages)}</figcaption></figure>`;
}

function stagesOf(report: Report): Stage[] {
  const [begin, end] = stepRange(report);
  const growths = inOrder(report.growths);
  const stages = growths.map(({ step, parametersBefore }, at) => ({
    from: growths[at - 1]?.step ?? begin,
    to: step,
    parameters: parametersBefore,
  }));
  const last = growths.at(-1);
  return last === undefined ? [] : [...stages, { from: last.step, to: end, parameters: last.parametersAfter }];
}

export const inOrder = (growths: readonly GrowthRecord[]): GrowthRecord[] =>
  growths.toSorted((a, b) => a.step - b.step);

function drawSizes(report: Report, stages: readonly Stage[], size: Size): Markup {
  const most = Math.max(...stages.map(({ parameters }) => parameters));
  const room = { height: size === "wide" ? 150 : 130, above: 0, yFormat: formatCount };
  const frame = frameOf(size, stepRange(report), [0, 1.15 * most], room);
  const stairs = stages.flatMap(({ from, to, parameters }): Point[] => [
    { x: from, y: parameters },
    { x: to, y: parameters },
  ]);
  return draw({
    frame,
    description: `Parameters over steps: ${stages.map(({ parameters }) => formatCount(parameters)).join(", then ")}`,
    yLabel: "parameters",
    yFormat: formatCount,
    marks: [
      areaY(stairs, { x: "x", y1: 0, y2: "y", fill: "var(--blue)", fillOpacity: 0.12 }),
      lineY(stairs, { x: "x", y: "y", stroke: "var(--blue)", strokeWidth: 1.75 }),
      ...stages.slice(0, -1).flatMap((stage) => stageLabel(stage, frame)),
      ...endLabels([{ name: formatCount(most), value: "at the end", y: most, colour: "var(--blue-text)" }], frame),
    ],
  });
}

/** The size on top of its stair, if that is wide enough. */
function stageLabel({ from, to, parameters }: Stage, frame: Frame): Markish[] {
  const label = formatCount(parameters);
  if (pixelX(frame, to) - pixelX(frame, from) < textWidth(label, fontSize) + 8) return [];
  const place = { x: "x", y: "y", textAnchor: "start", lineAnchor: "bottom", dx: 4, dy: -5 } as const;
  return [text([{ x: from, y: parameters }], { ...place, text: () => label, fontSize, fill: "var(--blue-text)" })];
}

function caption({ steps }: Report, stages: readonly Stage[]): string {
  const size = "Size of the model: it trains on while parameter tokens are appended.";
  const spent = (at: number) => steps.findLast(({ step, flops }) => step <= at && flops !== undefined)?.flops ?? 0;
  const total = spent(Number.POSITIVE_INFINITY);
  if (total === 0) return size;
  // No-break spaces keep numbers with their units.
  const shares = stages.map(({ from, to, parameters }, at) => {
    const begin = at === 0 ? 0 : spent(from); // the first recorded step has cost something too
    return `${formatShare((spent(to) - begin) / total)} at ${formatCount(parameters)}`.replaceAll(" ", "\u00a0");
  });
  return `${size} Of the ${formatFlops(total)} spent on training, ${listed(shares)} parameters.`;
}

const listed = (items: readonly string[]): string =>
  items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.slice(-1).join("")}`;
