/** When parameter tokens were born, and what they are called. */

import type { SiteView } from "../../engine/api.ts";
import { count } from "../format.ts";
import { generationProperty } from "./colours.ts";

/** The steps at which tokens were born, over all sites, in order. */
export function births(sites: readonly SiteView[]): number[] {
  const steps = sites.flatMap(({ generations }) => generations.map(({ born }) => born));
  return [...new Set(steps)].toSorted((a, b) => a - b);
}

export const birthIndex = (born: readonly number[], step: number) => Math.max(0, born.indexOf(step));

export const birthName = (step: number) => (step === 0 ? "from the start" : `born at step ${count(step)}`);

/** The custom property with the colour of the tokens that were born at a step. */
export const birthProperty = (born: readonly number[], step: number) => generationProperty(birthIndex(born, step));
