/** Sites: the places of a TokenFormer that hold parameter tokens, one of each kind in every block. */

import { type SiteKind, siteKinds, type TokenFormerConfig } from "./config.ts";

export interface Site {
  /** Path of the site, for example `blocks.0.attention.query`; its parameters are `<path>.keys` and `<path>.values`. */
  readonly path: string;
  readonly layer: number;
  readonly kind: SiteKind;
  /** Number of parameter tokens. */
  readonly tokens: number;
  readonly tau: number;
}

export function sitePath(layer: number, kind: SiteKind): string {
  return `blocks.${layer}.${kind === "feedForward" ? kind : `attention.${kind}`}`;
}

/** All sites, layer by layer. */
export function sitesOf(config: TokenFormerConfig): Site[] {
  return Array.from({ length: config.layers }, (_, layer) =>
    siteKinds.map((kind): Site => {
      const tokens = ofLayer(config.tokens[kind], layer);
      const tau = config.tau === undefined ? Math.sqrt(tokens) : ofLayer(config.tau[kind], layer);
      return { path: sitePath(layer, kind), layer, kind, tokens, tau };
    }),
  ).flat();
}

/** The τ of a configuration by its name in a model, `<site>.tau`. */
export function tausOf(config: TokenFormerConfig): Map<string, number> {
  return new Map(sitesOf(config).map(({ path, tau }) => [`${path}.tau`, tau]));
}

/** The configuration with the sites' numbers of tokens and τ. */
export function withSites<Config extends TokenFormerConfig>(config: Config, sites: readonly Site[]): Config {
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
