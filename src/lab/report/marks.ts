/** The parts that the plots share: rules for growths, labels at the ends of lines. */

import { type Markish, ruleX, text } from "@observablehq/plot";
import { type Frame, fontSize, pixelX, pixelY, type Size } from "./figure.ts";
import { formatCount } from "./format.ts";
import { placeFlags, spread, textWidth } from "./labels.ts";
import type { GrowthRecord } from "./report.ts";

/** Height of a row of labels above a plot, in pixels. */
const laneHeight = 18;

/** Growths beyond this many rows of labels keep their rule, and are named in the table alone. */
const mostLanes = 8;

/** What a growth is called, such as "1.06 M → 1.58 M". */
export const growthName = ({ parametersBefore, parametersAfter }: GrowthRecord): string =>
  `${formatCount(parametersBefore)} → ${formatCount(parametersAfter)}`;

/** A dashed rule where the model grew. */
export function growthRule({ step }: GrowthRecord, rise = 0): Markish {
  return ruleX([step], { stroke: "var(--muted)", strokeDasharray: "3 3", insetTop: -rise });
}

/** A rule and a label above the plot for each growth, and how much room the labels need, in pixels. */
export function growthFlags(growths: readonly GrowthRecord[], size: Size, frame: Frame) {
  const spacious = size === "wide" && growths.length <= 4;
  const flags = growths.map((growth) => {
    const label = spacious ? `${growthName(growth)} parameters` : growthName(growth);
    return { growth, label, x: pixelX(frame, growth.step), width: textWidth(label, fontSize) };
  });
  const placements = placeFlags(flags, frame.width);
  const marks = flags.flatMap(({ growth, label }, at): Markish[] => {
    const { lane, side } = placements[at] ?? { lane: mostLanes, side: "right" };
    if (lane >= mostLanes) return [growthRule(growth)];
    const anchor =
      side === "right" ? ({ textAnchor: "start", dx: 6 } as const) : ({ textAnchor: "end", dx: -6 } as const);
    const halo = { fill: "currentColor", stroke: "var(--page)", strokeWidth: 5 };
    const place = { frameAnchor: "top", lineAnchor: "middle", dy: -(lane + 0.5) * laneHeight } as const;
    return [
      growthRule(growth, (lane + 1) * laneHeight - 3),
      text([growth.step], { x: (step: number) => step, text: () => label, ...anchor, ...place, ...halo, fontSize }),
    ];
  });
  const lanes = Math.min(mostLanes, Math.max(0, ...placements.map(({ lane }) => lane + 1)));
  return { marks, room: lanes * laneHeight };
}

/** A label at the end of a line. */
export interface EndLabel {
  readonly name: string;
  readonly value: string;
  /** Where the line ends, in the units of the data. */
  readonly y: number;
  readonly colour: string;
}

/** Labels right of the plot, each beside the end of its line or as near as the others allow. */
export function endLabels(labels: readonly EndLabel[], frame: Frame): Markish[] {
  const [low, high] = frame.y;
  const highest = frame.top + fontSize; // above it are the labels of growths
  const natural = labels.map(({ y }) => Math.max(highest, pixelY(frame, Math.min(high, Math.max(low, y)))));
  const placed = spread(natural, 2.8 * fontSize, frame.height - frame.bottom - fontSize);
  return labels.map(({ name, value, colour }, at) =>
    text([`${name}\n${value}`], {
      frameAnchor: "top-right",
      textAnchor: "start",
      lineAnchor: "middle",
      lineHeight: 1.2,
      dx: 8,
      dy: (placed[at] ?? 0) - frame.top,
      fill: colour,
      fontSize,
      fontWeight: 600,
    }),
  );
}
