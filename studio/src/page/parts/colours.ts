/** Colours of the style sheet, for canvases; told apart by people with any kind of colour vision. */

import type { RunSummary } from "../../engine/api.ts";
import { theme } from "./theme.tsx";

let known = { theme: theme.peek(), colours: new Map<string, string>() };

/** What a custom property comes to now, in the theme that is shown. */
export function colour(property: string): string {
  if (known.theme !== theme.peek()) known = { theme: theme.peek(), colours: new Map() };
  const found = known.colours.get(property) ?? resolved(property);
  known.colours.set(property, found);
  return found;
}

function resolved(property: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Runs on one chart, in order: colour and, for those who see none, dashes. Orange is for growth alone. */
const RUN_STYLES = [
  { property: "--run-1", dash: [] },
  { property: "--run-2", dash: [9, 4] },
  { property: "--run-3", dash: [10, 4, 2, 4] },
] as const;
const PLAIN = { property: "--run-plain", dash: [3, 4] } as const;

/** @param architecture of the run: one without parameter tokens is grey, wherever it stands */
export function runStyle(index: number, architecture: RunSummary["architecture"]) {
  if (architecture !== "tokenformer") return PLAIN;
  return RUN_STYLES[index % RUN_STYLES.length] ?? RUN_STYLES[0];
}

const GENERATIONS = 6;

/** The custom property with the colour of a generation of parameter tokens, from 0 for the first. */
export const generationProperty = (index: number) => `--generation-${Math.min(index, GENERATIONS - 1)}`;

/** A custom property as red, green and blue from 0 to 255. */
export function rgb(property: string): readonly [number, number, number] {
  const [red = 0, green = 0, blue = 0] = (colour(property).match(/[\d.]+/g) ?? []).map(Number);
  return [red, green, blue];
}
