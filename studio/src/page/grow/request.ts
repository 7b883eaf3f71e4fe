/** What the visitor chose to grow, as the engine is asked for it. */

import type { GrowthInit, GrowthRequest, RunView, SiteView } from "../../engine/api.ts";

export type Where = "all" | "attention" | "feedForward";

export interface GrowthChoice {
  readonly where: Where;
  /** The blocks that grow; empty: all. */
  readonly layers: readonly number[];
  /** Tokens to add at each site; "double": as many as it has. */
  readonly tokens: number | "double";
  readonly init: GrowthInit;
}

export const FIRST_CHOICE: GrowthChoice = { where: "all", layers: [], tokens: "double", init: "zero-key" };

const KINDS: Readonly<Record<Where, readonly SiteView["kind"][]>> = {
  all: ["query", "key", "value", "projection", "feedForward"],
  attention: ["query", "key", "value", "projection"],
  feedForward: ["feedForward"],
};

/** Whether a site grows. */
export const grows = ({ kind, layer }: SiteView, { where, layers }: GrowthChoice) =>
  KINDS[where].includes(kind) && (layers.length === 0 || layers.includes(layer));

/** Tokens are added by kind of site: where layers differ, "double" doubles the largest of them. */
export function requestOf({ sites }: RunView, choice: GrowthChoice): GrowthRequest {
  const { layers, init, tokens } = choice;
  const add: Partial<Record<SiteView["kind"], number>> = {};
  for (const site of sites) {
    if (!grows(site, choice)) continue;
    add[site.kind] = tokens === "double" ? Math.max(add[site.kind] ?? 0, site.tokens) : tokens || 0;
  }
  return { add, init, ...(layers.length > 0 && { layers }) };
}
