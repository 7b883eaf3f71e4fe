/**
 * Sites: the places of a model that hold parameter tokens; of a TokenFormer, one of each kind in every block, and others for
 * generations with norms of their own.
 */

import { type SiteKind, siteKinds, type TokenFormerConfig } from "./config.ts";
import type { Site } from "./site.ts";

/** A site of a TokenFormer. */
export interface TokenFormerSite extends Site {
  readonly kind: SiteKind;
}

export function sitePath(layer: number, kind: SiteKind): string {
  return `blocks.${layer}.${kind === "feedForward" ? kind : `attention.${kind}`}`;
}

/** The path of a generation at a place; 0 is the first. */
export function generationPath(place: string, generation: number): string {
  return generation === 0 ? place : `${place}.generations.${generation}`;
}

/** All sites, layer by layer, and at each place generation by generation. */
export function sitesOf(config: TokenFormerConfig): TokenFormerSite[] {
  const generations = [config, ...(config.generations ?? [])];
  return Array.from({ length: config.layers }, (_, layer) =>
    siteKinds.flatMap((kind) => generations.flatMap((own, generation) => sitesAt(own, generation, layer, kind))),
  ).flat();
}

/** The sites of a generation alone, layer by layer. */
export function generationSites(own: GenerationSizes, generation: number, layers: number): TokenFormerSite[] {
  return Array.from({ length: layers }, (_, layer) =>
    siteKinds.flatMap((kind) => sitesAt(own, generation, layer, kind)),
  ).flat();
}

/** The numbers of tokens and τ of a generation. */
export type GenerationSizes = Pick<TokenFormerConfig, "tokens" | "tau">;

/** The site of a generation at a place; none where it has no tokens there. */
function sitesAt(
  { tokens: numbers, tau: taus }: GenerationSizes,
  generation: number,
  layer: number,
  kind: SiteKind,
): TokenFormerSite[] {
  const tokens = ofLayer(numbers[kind], layer);
  if (tokens === 0) return [];
  const tau = taus === undefined ? Math.sqrt(tokens) : ofLayer(taus[kind], layer);
  const place = sitePath(layer, kind);
  return [{ path: generationPath(place, generation), place, generation, layer, kind, tokens, tau }];
}

/** The configuration with the sites' numbers of tokens and τ. */
export function withTokenFormerSites<Config extends TokenFormerConfig>(config: Config, sites: readonly Site[]): Config {
  const last = Math.max(0, ...sites.map(({ generation }) => generation));
  const of = (generation: number) =>
    sizes(
      config.layers,
      sites.filter((site) => site.generation === generation),
    );
  const generations = Array.from({ length: last }, (_, index) => of(index + 1));
  return { ...config, ...of(0), ...(last > 0 && { generations }) };
}

/** The numbers of tokens and τ of a generation, 0 where it has none. */
function sizes(layers: number, sites: readonly Site[]) {
  const collect = (pick: (site: Site) => number) => {
    const of = (kind: SiteKind) => {
      const own = new Map(sites.filter((site) => site.kind === kind).map((site) => [site.layer, pick(site)]));
      return compact(Array.from({ length: layers }, (_, layer) => own.get(layer) ?? 0));
    };
    return {
      query: of("query"),
      key: of("key"),
      value: of("value"),
      projection: of("projection"),
      feedForward: of("feedForward"),
    };
  };
  return { tokens: collect((site) => site.tokens), tau: collect((site) => site.tau) };
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
