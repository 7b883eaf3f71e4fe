/** A plot as a file of its own. */

import type { Markup } from "./html.ts";
import { colours } from "./style.ts";

const margin = 12;

const looks = `
svg { color: var(--ink); font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif; }
text { white-space: pre; paint-order: stroke; }`;

/**
 * The plot as SVG that brings its colours and its background, so that it is legible on a light page and on a dark one.
 * @param moreColours style of colours beside blue and orange
 */
export function standalone(plot: Markup, moreColours = ""): string {
  const source = String(plot);
  const [, innerWidth = "", innerHeight = ""] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(source) ?? [];
  const [width, height] = [Number(innerWidth) + 2 * margin, Number(innerHeight) + 2 * margin];
  const box = `x="${-margin}" y="${-margin}" width="${width}" height="${height}"`;
  const sized = source
    .replace(/viewBox="[^"]*"/, `viewBox="${-margin} ${-margin} ${width} ${height}"`)
    .replace(/ height="[^"]*"/, ` height="${height}"`)
    .replace(/ width="[^"]*"/, ` width="${width}"`);
  const opening = `<svg xmlns="http://www.w3.org/2000/svg"$1><style>${colours}${moreColours}${looks}</style><rect ${box} fill="var(--page)"/>`;
  return `${sized.replace(/^<svg([^>]*)>/, opening)}\n`;
}
