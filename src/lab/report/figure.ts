/** Draws a plot as SVG, without a browser. */

import { axisX, axisY, gridY, type Markish, plot, text } from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { Range } from "./curve.ts";
import { formatInteger } from "./format.ts";
import { type Markup, raw } from "./html.ts";
import { textWidth } from "./labels.ts";

/** The area of a plot: sizes in pixels, ranges in the units of the data. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly x: Range;
  readonly y: Range;
}

/** The two sizes at which each plot is drawn: shrinking the one for a desk would make its text too small on a phone. */
export const sizes = ["wide", "narrow"] as const;

export type Size = (typeof sizes)[number];

/** The size of the text in a plot, in pixels. */
export const fontSize = 12.5;

const widths = { wide: 912, narrow: 358 };

/** What a plot needs around and in its area: sizes in pixels. */
export interface Room {
  readonly height: number;
  /** Pixels for labels above the plot. */
  readonly above: number;
  /** Writes the values of the y axis, which need room too. */
  readonly yFormat: (value: number) => string;
}

/** An empty area of a size. */
export function frameOf(size: Size, x: Range, y: Range, { height, above, yFormat }: Room): Frame {
  const ticks = Math.max(...y.map((bound) => textWidth(yFormat(bound), fontSize))) + 6;
  const left = Math.max(size === "wide" ? 52 : 48, ticks);
  const margins = { left, right: size === "wide" ? 92 : 82, top: above + 30, bottom: 44 };
  return { width: widths[size], height: margins.top + height + margins.bottom, ...margins, x, y };
}

/** Pixels from the left edge. */
export function pixelX({ width, left, right, x: [low, high] }: Frame, x: number): number {
  return left + ((x - low) / (high - low)) * (width - left - right);
}

/** Pixels from the top edge. */
export function pixelY({ height, top, bottom, y: [low, high] }: Frame, y: number): number {
  return height - bottom - ((y - low) / (high - low)) * (height - top - bottom);
}

/** An axis other than that of steps. */
export interface Axis {
  /** What it measures, with its unit. */
  readonly label: string;
  /** The values to mark, in the units of the frame, or about how many. */
  readonly ticks: number | readonly number[];
  readonly format: (value: number) => string;
}

export interface Drawing {
  readonly frame: Frame;
  /** What the plot shows, for those who cannot see it. */
  readonly description: string;
  /** The axis of x. Default: whole steps. */
  readonly xAxis?: Axis;
  readonly yLabel: string;
  readonly yFormat: (value: number) => string;
  /** About how many values of y to mark. Default: one in 50 pixels. */
  readonly yTicks?: number;
  readonly marks: readonly Markish[];
}

/** What we use of the element that Plot returns; the project is typed without the browser's DOM. */
interface Drawn {
  readonly outerHTML: string;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
  querySelectorAll(selector: string): Iterable<{ remove(): void }>;
}

/** The plot, as an `<svg>`. */
export function draw({ frame, description, marks, ...rest }: Drawing): Markup {
  const { document } = parseHTML("<!doctype html><html></html>");
  const { width, height, left, right, top, bottom, x, y } = frame;
  const svg: Drawn = plot({
    document,
    width,
    height,
    marginLeft: left,
    marginRight: right,
    marginTop: top,
    marginBottom: bottom,
    style: { fontSize: `${fontSize}px` },
    ariaLabel: description,
    x: { domain: x, type: "linear" },
    y: { domain: y, type: "linear" },
    marks: [...axes(frame, rest), ...marks],
  });
  svg.setAttribute("role", "img");
  svg.removeAttribute("font-family"); // the page's own is better
  for (const style of svg.querySelectorAll("style")) style.remove(); // the page styles all plots at once
  return raw(svg.outerHTML);
}

function stepAxis({ width, left, right, x: [low, high] }: Frame): Axis {
  const ticks = Math.min(high - low, Math.max(2, Math.round((width - left - right) / 90))); // whole steps
  return { label: "step", ticks, format: formatInteger };
}

function axes(frame: Frame, drawing: Omit<Drawing, "frame" | "description" | "marks">) {
  const { height, left, top, bottom } = frame;
  const { xAxis = stepAxis(frame), yLabel, yFormat } = drawing;
  const yTicks = drawing.yTicks ?? Math.max(2, Math.round((height - top - bottom) / 50));
  const muted = { fill: "var(--muted)", label: null, fontSize };
  const title = { fill: "var(--muted)", fontSize, frameAnchor: "top-left", textAnchor: "start" } as const;
  return [
    gridY({ ticks: yTicks, stroke: "var(--rule)", strokeOpacity: 1 }),
    axisY({ ...muted, ticks: yTicks, tickSize: 0, tickPadding: 8, tickFormat: yFormat }),
    axisX({ ...muted, ticks: xAxis.ticks, tickSize: 5, tickFormat: xAxis.format, stroke: "var(--muted)" }),
    text([yLabel], { ...title, dx: -left, dy: 4 - top }), // above all else, where no label of a growth can be
    text([xAxis.label], { ...title, frameAnchor: "bottom", textAnchor: "middle", dy: bottom - 8 }),
  ];
}
