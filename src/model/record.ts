/** What the library knows of a type of model. */

import type { Initial, Model } from "../nn/index.ts";
import type { CompleteModelConfig, ModelConfig } from "./config.ts";
import type { ParameterCounts } from "./counts.ts";
import type { Site } from "./site.ts";

/** Where a model's τ come from: they are given at each run, learned, or there are none. */
export type TauRule = "given" | "learned" | "none";

/** One type of model, beside the schema of its configuration. */
export interface ModelRecord<Config extends ModelConfig> {
  /** Its forward pass, as a function of parameters and tokens. */
  forward(config: CompleteModelConfig<Config>): Model;
  /** Throws a `UserError` where the forward pass is not what the rest of the record says. Default: it is. */
  check?(config: CompleteModelConfig<Config>): void;
  readonly sites: SiteRules<Config>;
  readonly costs: CostRules<Config>;
  /** Whether a token reaches later ones by `causalAttention` alone, so that a cache of keys and values serves. */
  cached(config: Config): boolean;
}

/** The places of a model that hold parameter tokens. */
export interface SiteRules<Config extends ModelConfig> {
  of(config: Config): readonly Site[];
  /** The configuration with other numbers of tokens and τ. */
  with(config: Config, sites: readonly Site[]): Config;
  tau(config: Config): TauRule;
  /** How the keys and values of all sites start, by the names of the parameters. */
  initials(config: CompleteModelConfig<Config>): ReadonlyMap<string, Initial>;
  /** The configuration of a model that learns its τ; absent where it cannot. */
  learningTau?(config: Config): Config;
}

export interface CostRules<Config extends ModelConfig> {
  /** Operations of a forward pass over so many tokens, a multiplication and an addition counted as two. */
  flops(config: CompleteModelConfig<Config>, time: number, counts: () => ParameterCounts): number;
  /** Parameters, at least. A vocabulary that is not known counts as one token. */
  parameters(config: Config): number;
  /** Numbers that a training pass keeps for each of its tokens, at least. */
  activations(config: Config): number;
}

/** The sites of a model without any. */
export function noSites<Config extends ModelConfig>(): SiteRules<Config> {
  return { of: () => [], with: (config) => config, tau: () => "none", initials: () => new Map() };
}
