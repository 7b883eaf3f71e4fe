/** The loss over the steps of the run. */

import { dot, lineY, type Markish } from "@observablehq/plot";
import { crop, extent, lossRange, type Point, type Range, smooth, smoothingReach, thin, within } from "./curve.ts";
import { draw, type Frame, frameOf, type Size, sizes } from "./figure.ts";
import { formatInteger, formatLoss, formatScientific } from "./format.ts";
import { html, type Markup } from "./html.ts";
import { endLabels, growthFlags } from "./marks.ts";
import type { Report } from "./report.ts";

interface Losses {
  readonly training: readonly Point[];
  readonly smoothed: readonly Point[];
  readonly validation: readonly Point[];
  readonly range: Range;
}

/** The figure, with its caption. */
export function lossFigure(report: Report): Markup {
  const training = finite(report.steps.map(({ step, loss }) => ({ x: step, y: loss })));
  const validation = finite(report.validations.map(({ step, validationLoss }) => ({ x: step, y: validationLoss })));
  if (training.length + validation.length === 0) return html`<p>No loss was recorded.</p>`;
  const grown = report.growths.map(({ step }) => step);
  const smoothed = smooth(training, grown, 500);
  const losses = { training, smoothed, validation, range: lossRange(training, validation) };
  const plots = sizes.map((size) => html`<div class="${size}">${drawLosses(report, losses, size)}</div>`);
  return html`<figure>${plots}<figcaption>${caption(report, losses)}</figcaption></figure>`;
}

/** The steps that the plots span: those of everything that happened. */
export function stepRange({ steps, validations, growths }: Report): Range {
  const range = extent([...steps, ...validations, ...growths].map(({ step }) => step));
  return range[0] === range[1] ? [range[0] - 1, range[1] + 1] : range;
}

const finite = (points: readonly Point[]): Point[] => points.filter(({ y }) => Number.isFinite(y));

function drawLosses(report: Report, losses: Losses, size: Size): Markup {
  const x = stepRange(report);
  const yFormat = tickFormat(losses.range);
  const room = { height: size === "wide" ? 330 : 260, above: 0, yFormat };
  const flags = growthFlags(report.growths, size, frameOf(size, x, losses.range, room));
  const frame = frameOf(size, x, losses.range, { ...room, above: flags.room });
  return draw({
    frame,
    description: describe(report, losses),
    yLabel: "loss (nats per token)",
    yFormat,
    marks: [...flags.marks, ...curves(losses, size), ...labels(losses, frame)],
  });
}

function curves({ training, smoothed, validation, range }: Losses, size: Size): Markish[] {
  const [detail, r] = size === "wide" ? [500, 3.5] : [200, 2.5];
  const place = { x: "x", y: "y" } as const;
  const raw = crop(thin(training, detail), range);
  const mean = crop(smoothed, range);
  const measured = thin(validation, detail / 5);
  const checks = crop(measured, range);
  // Of what was measured alone: cropping adds the point at which the line leaves the plot.
  const dots = measured.length > 60 ? [] : measured.filter(({ y }) => within(y, range));
  const only = training.length === 1 ? training : [];
  return [
    lineY(raw, { ...place, stroke: "var(--blue)", strokeOpacity: 0.28, strokeWidth: 1 }),
    lineY(mean, { ...place, stroke: "var(--blue)", strokeWidth: 1.75 }),
    lineY(checks, { ...place, stroke: "var(--orange)", strokeWidth: 1.75 }),
    dot(dots, { ...place, fill: "var(--orange)", stroke: "var(--page)", strokeWidth: 1, r }),
    dot(only, { ...place, fill: "var(--blue)", r }),
  ];
}

function labels({ smoothed, validation }: Losses, frame: Frame): Markish[] {
  const ends = [
    { name: "validation", colour: "var(--orange-text)", end: validation.at(-1) },
    { name: "training", colour: "var(--blue-text)", end: smoothed.at(-1) },
  ];
  return endLabels(
    ends.flatMap(({ name, colour, end }) =>
      end === undefined ? [] : [{ name, colour, y: end.y, value: formatLoss(end.y) }],
    ),
    frame,
  );
}

/** Decimals as the range needs them; scientific where losses are huge. */
export function tickFormat([low, high]: Range): (value: number) => string {
  if (Math.max(Math.abs(low), Math.abs(high)) >= 1e5) return formatScientific;
  const decimals = Math.min(6, Math.max(0, Math.ceil(-Math.log10((high - low) / 10))));
  return (value) => value.toFixed(decimals).replace("-", "−");
}

function describe({ growths }: Report, { training, validation }: Losses): string {
  const range = (name: string, points: readonly Point[]) => {
    const [first, last] = [points[0], points.at(-1)];
    return first && last ? [`${name} loss from ${formatLoss(first.y)} to ${formatLoss(last.y)}`] : [];
  };
  const grown = growths.length === 0 ? [] : [`growths at step ${growths.map(({ step }) => step).join(", ")}`];
  return ["Loss over steps", ...range("training", training), ...range("validation", validation), ...grown].join("; ");
}

function caption({ steps, growths }: Report, { training, validation, range }: Losses): string {
  const above = [...training, ...validation].filter(({ y }) => !within(y, range));
  const bad = steps.length - training.length;
  const sentences = [
    ...(training.length > 0 ? [trainingNote(training)] : []),
    ...(validation.length > 0 ? ["Validation loss is of text that the model does not train on."] : []),
    ...(growths.length > 0 ? ["At each dashed rule the model grew."] : []),
    ...(above.length > 0 ? [cutNote(above)] : []),
    ...(bad > 0 ? [`At ${formatInteger(bad)} of the steps the loss was not a finite number.`] : []),
  ];
  return sentences.join(" ");
}

function trainingNote({ length }: readonly Point[]): string {
  if (length === 1) return "Training loss of the only step.";
  return smoothingReach(length) === 0
    ? "Training loss of each step."
    : "Training loss of each step (faint) and smoothed.";
}

function cutNote(above: readonly Point[]): string {
  const [, most] = extent(above.map(({ y }) => y));
  const values = above.length === 1 ? "1 value lies" : `${formatInteger(above.length)} values lie`;
  return `To show the rest well, ${values} above the plot (up to ${formatLoss(most)}).`;
}
