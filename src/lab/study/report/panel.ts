/** What the plots of a study share: a name, a size and headings. */

import { type Markish, text } from "@observablehq/plot";
import { type Frame, fontSize } from "../../report/figure.ts";
import type { Markup } from "../../report/html.ts";
import { textWidth } from "../../report/labels.ts";

/** A plot with a name for its file. */
export interface Panel {
  readonly name: string;
  /** What it shows, for those who cannot see it. */
  readonly description: string;
  readonly plot: Markup;
  /** Drawn for a phone; missing where `plot` is small enough. */
  readonly narrow?: Markup;
}

/** Wide enough for two beside each other on a desk, and for one on a phone. */
export const panelWidth = 420;

/** A word or two in a colour. */
export interface Label {
  readonly text: string;
  readonly colour: string;
}

/** Labels beside each other in the upper left corner. */
export function heading(labels: readonly Label[], { left, top }: Frame): Markish[] {
  let x = 0;
  return labels.map(({ text: label, colour }) => {
    const place = { frameAnchor: "top-left", textAnchor: "start", dx: x - left, dy: 4 - top } as const;
    x += textWidth(label, fontSize) + 18;
    return text([label], { ...place, fill: colour, fontSize, fontWeight: 600 });
  });
}

/** What the y axis measures, under the heading. */
export function axisTitle(label: string, { left, top }: Frame): Markish {
  const place = { frameAnchor: "top-left", textAnchor: "start", dx: -left, dy: 22 - top } as const;
  return text([label], { ...place, fill: "var(--muted)", fontSize });
}

/**
 * A description as an attribute. An SVG file is XML, in which an attribute must not hold these characters; what writes
 * the plots is made for HTML and leaves them as they are.
 */
export const attribute = (description: string): string =>
  description.replaceAll("&", "and").replaceAll("<", "less than ").replaceAll(">", "more than ");
