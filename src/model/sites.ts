/** Sites: the places of a model that hold parameter tokens; of a TokenFormer, one of each kind in every block. */

import { type SiteKind, siteKinds, type TokenFormerConfig } from "./config.ts";
import type { Site } from "./site.ts";

/** A site of a TokenFormer. */
export interface TokenFormerSite extends Site {
  readonly kind: SiteKind;
}

export function sitePath(layer: number, kind: SiteKind): string {
  return `blocks.${layer}.${kind === "feedForward" ? kind : `attention.${kind}`}`;
}

/** All sites, layer by layer. */
export function sitesOf(config: TokenFormerConfig): TokenFormerSite[] {
  return Array.from({ length: config.layers }, (_, layer) =>
    siteKinds.map((kind): TokenFormerSite => {
      const tokens = ofLayer(config.tokens[kind], layer);
      const tau = config.tau === undefined ? Math.sqrt(tokens) : ofLayer(config.tau[kind], layer);
      return { path: sitePath(layer, kind), layer, kind, tokens, tau };
    }),
  ).flat();
}

/** The configuration with the sites' numbers of tokens and τ. */
export function withTokenFormerSites<Config extends TokenFormerConfig>(config: Config, sites: readonly Site[]): Config {
  const collect = (pick: (site: Site) => number) => {
    const of = (kind: SiteKind) => compact(sites.filter((site) => site.kind === kind).map(pick));
    return {
      query: of("query"),
      key: of("key"),
      value: of("value"),
      projection: of("projection"),
      feedForward: of("feedForward"),
    };
  };
  return { ...config, tokens: collect((site) => site.tokens), tau: collect((site) => site.tau) };
}

function ofLayer(value: number | readonly number[], layer: number): number {
  const own = typeof value === "number" ? value : value[layer];
  if (own === undefined) throw new Error(`internal: no value for layer ${layer}`);
  return own;
}

/** One number where all layers agree. */
function compact(values: readonly number[]): number | [number, ...number[]] {
  const [first, ...others] = values;
  if (first === undefined) throw new Error("internal: a model without layers");
  return others.every((value) => value === first) ? first : [first, ...others];
}
