/**
 * Pruning a TokenFormer: dropping the parameter tokens that a text uses least. The reverse of growing, but for the function,
 * which it changes as far as the dropped tokens were used.
 *
 * Shapes: P parameter tokens of a site, D channels.
 */

import { elementCount } from "../element-count.ts";
import { UserError } from "../errors.ts";
import { type CompleteModelConfig, type Site, sitesOf, type TokenFormerConfig, withSites } from "../model/index.ts";
import { required } from "../required.ts";
import { type Generation, type HostArray, lostTokens, type ModelState, type Moments } from "./state.ts";
import { learningTau, withLearnedTau } from "./tau.ts";

/** What a text tells of a site's tokens, one number a token: [P]. */
export interface TokenWorth {
  /** What the token brings to the output; the least are dropped first. Of equal ones the younger goes first. */
  readonly contribution: Float64Array;
  /** Mean share of the token in what Θ divides by. */
  readonly normaliserShare: Float64Array;
}

export interface PruneOptions {
  /** Share of the tokens that stay, above 0 and up to 1. */
  readonly keep: number;
  /**
   * `site`: every site keeps that share of its tokens. `model`: all tokens are ranked together, each by its contribution
   * over √Σ contribution² of its site, so that a token counts by its part in what the site gives.
   */
  readonly by: "site" | "model";
  /**
   * Θ divides by a norm, or a sum, that loses the part of what is dropped, which makes the weights of the others larger.
   * `corrected`: they are brought back to what they were on average, by τ, or by the values where Θ is softmax. `fixed`: τ and
   * the values stay.
   */
  readonly tau: "corrected" | "fixed";
}

/**
 * The state with a share of its parameter tokens, in the order in which they were. The old one is left as it is; it is the
 * answer where nothing is dropped.
 * @param worth by the paths of the sites
 * @throws UserError if the model has no sites, `keep` is out of range, or a site would be left without a token
 */
export function prune(state: ModelState, worth: ReadonlyMap<string, TokenWorth>, options: PruneOptions): ModelState {
  const config = withLearnedTau(prunable(state.config), state.parameters);
  const { keep } = options;
  if (!(keep > 0 && keep <= 1)) {
    throw new UserError(`keep is ${keep}, expected a share above 0 and up to 1, such as 0.7 for 70 % of the tokens`);
  }
  const cuts = cutsOf(sitesOf(config), worth, options);
  if (cuts.length === 0) return state;
  const scales = new Map(cuts.map((cut) => [cut.site.path, tauScale(config, cut, options)]));
  const scale = (path: string) => scales.get(path) ?? 1;
  const tokens = new Map(cuts.map(({ site, kept }) => [site.path, kept.length]));
  const sites = sitesOf(config).map((site) => ({
    ...site,
    tokens: tokens.get(site.path) ?? site.tokens,
    tau: site.tau * scale(site.path),
  }));
  const pruned = {
    ...state,
    config: withSites(config, sites),
    parameters: prunedParameters(state.parameters, config, cuts, options),
    moments: state.moments && prunedMoments(state.moments, cuts),
    lineage: prunedLineage(state.lineage, cuts),
    ramps: state.ramps.map((ramp) => ({
      ...ramp,
      from: ramp.from * scale(ramp.site),
      to: ramp.to * scale(ramp.site),
    })),
  };
  return config.learnedTau ? learningTau(pruned, pruned.config) : pruned;
}

function prunable(config: CompleteModelConfig): CompleteModelConfig<TokenFormerConfig> {
  if (config.type === "tokenformer") return config;
  throw new UserError(`pruning drops parameter tokens of a tokenformer, and this is a ${config.type}`);
}

/** A site that loses tokens: which stay, in order, and their share of what Θ divides by. */
interface Cut {
  readonly site: Site;
  readonly kept: readonly number[];
  readonly share: number;
}

function cutsOf(sites: readonly Site[], worth: ReadonlyMap<string, TokenWorth>, { keep, by }: PruneOptions): Cut[] {
  const ranked = sites.map((site) => ranks(site, required(worth, site.path)));
  const chosen = by === "site" ? ranked.flatMap((tokens) => best(tokens, keep)) : best(ranked.flat(), keep);
  return sites.flatMap((site) => {
    const kept = chosen.filter((token) => token.path === site.path).map(({ index }) => index);
    if (kept.length === 0) {
      const remedy =
        by === "site" ? `at least ${Math.ceil(500 / site.tokens) / 1000}` : "more, or the same share of each site";
      throw new UserError(
        `keeping ${keep} of the tokens leaves none of ${site.tokens} in ${site.path}; keep ${remedy}`,
      );
    }
    if (kept.length === site.tokens) return [];
    const { normaliserShare } = required(worth, site.path);
    return [{ site, kept: kept.toSorted((a, b) => a - b), share: shareOf(normaliserShare, kept) }];
  });
}

interface Ranked {
  readonly path: string;
  readonly index: number;
  readonly worth: number;
}

/** A site's tokens with their contributions in units that sites share: relative to the root of the sum of squares. */
function ranks({ path, tokens }: Site, { contribution }: TokenWorth): Ranked[] {
  if (contribution.length !== tokens) {
    throw new Error(`internal: ${path} has ${tokens} tokens, their worth was measured of ${contribution.length}`);
  }
  const scale = Math.sqrt(contribution.reduce((sum, value) => sum + value ** 2, 0)) || 1;
  return Array.from(contribution, (value, index) => ({ path, index, worth: value / scale }));
}

/** The best share of some tokens. The sort is stable: of equal ones the first stay. */
function best(tokens: readonly Ranked[], keep: number): Ranked[] {
  return tokens.toSorted((a, b) => b.worth - a.worth).slice(0, Math.round(keep * tokens.length));
}

/** The share of some tokens in all; 1 where there is nothing to share. */
function shareOf(shares: Float64Array, kept: readonly number[]): number {
  const whole = shares.reduce((sum, share) => sum + share, 0);
  // The sum is in their own order, so that dropping zeros alone gives exactly 1.
  const own = kept.toSorted((a, b) => a - b).reduce((sum, index) => sum + (shares[index] ?? 0), 0);
  return own > 0 ? own / whole : 1;
}

/** What τ is multiplied by. ‖A‖² keeps its mean share, so ‖A‖ about the root of it. */
function tauScale({ activation }: TokenFormerConfig, { share }: Cut, { tau }: PruneOptions): number {
  return tau === "fixed" || activation === "softmax" ? 1 : Math.sqrt(share);
}

/** What values are multiplied by: softmax has n' exp(A) / Σ' exp(A), and no τ. */
function valueScale({ activation }: TokenFormerConfig, { site, kept, share }: Cut, { tau }: PruneOptions): number {
  return tau === "fixed" || activation !== "softmax" ? 1 : (share * site.tokens) / kept.length;
}

function prunedParameters(
  parameters: ModelState["parameters"],
  config: TokenFormerConfig,
  cuts: readonly Cut[],
  options: PruneOptions,
): Map<string, HostArray> {
  const pruned = withKeptRows(parameters, cuts);
  for (const cut of cuts) {
    const scale = valueScale(config, cut, options);
    const { shape, data } = required(pruned, `${cut.site.path}.values`);
    if (scale !== 1) pruned.set(`${cut.site.path}.values`, { shape, data: data.map((value) => value * scale) });
  }
  return pruned;
}

function prunedMoments({ first, second }: Moments, cuts: readonly Cut[]): Moments {
  return { first: withKeptRows(first, cuts), second: withKeptRows(second, cuts) };
}

function withKeptRows(arrays: ReadonlyMap<string, HostArray>, cuts: readonly Cut[]): Map<string, HostArray> {
  const pruned = new Map(arrays);
  for (const { site, kept } of cuts) {
    for (const name of [`${site.path}.keys`, `${site.path}.values`]) {
      const whole = arrays.get(name);
      if (whole !== undefined) pruned.set(name, rowsOf(whole, kept));
    }
  }
  return pruned;
}

function rowsOf({ shape, data }: HostArray, rows: readonly number[]): HostArray {
  const [, ...rest] = shape;
  const columns = elementCount(rest);
  const kept = new Float32Array(rows.length * columns);
  for (const [to, from] of rows.entries()) kept.set(data.subarray(from * columns, (from + 1) * columns), to * columns);
  return { shape: [rows.length, ...rest], data: kept };
}

/**
 * Generations with the tokens of theirs that stay, and how many are lost; those without one are gone, and what they lost is told by the
 * oldest, so that growth knows of it.
 */
function prunedLineage(lineage: ModelState["lineage"], cuts: readonly Cut[]): Map<string, readonly Generation[]> {
  const pruned = new Map(lineage);
  for (const { site, kept } of cuts) {
    let end = 0;
    let gone = 0;
    const left = required(lineage, site.path).flatMap((generation): Generation[] => {
      const start = end;
      end += generation.tokens;
      const tokens = kept.filter((index) => start <= index && index < end).length;
      const lost = lostTokens([generation]) + generation.tokens - tokens;
      if (tokens > 0) return [{ ...generation, tokens, ...(lost > 0 && { lost }) }];
      gone += lost;
      return [];
    });
    const [oldest, ...younger] = left;
    const counted =
      oldest !== undefined && gone > 0 ? [{ ...oldest, lost: lostTokens([oldest]) + gone }, ...younger] : left;
    pruned.set(site.path, counted);
  }
  return pruned;
}
