/** The types of models, each with its record. */

import type { Initial, Model } from "../nn/index.ts";
import { bigramRecord } from "./bigram.ts";
import {
  type BigramConfig,
  type CompleteModelConfig,
  isOwn,
  type ModelConfig,
  type TokenFormerConfig,
  type TransformerConfig,
} from "./config.ts";
import type { ParameterCounts } from "./counts.ts";
import type { OwnModelConfig } from "./own.ts";
import { ownRecord } from "./own-record.ts";
import type { ModelRecord, TauRule } from "./record.ts";
import type { Site } from "./site.ts";
import { tokenformerRecord } from "./tokenformer.ts";
import { transformerRecord } from "./transformer.ts";

type BuiltInConfig = Exclude<ModelConfig, OwnModelConfig>;

const isBigram = (config: ModelConfig): config is BigramConfig => config.type === "bigram";
const isTransformer = (config: ModelConfig): config is TransformerConfig => config.type === "transformer";
const isTokenFormer = (config: ModelConfig): config is TokenFormerConfig => config.type === "tokenformer";

const builtIn: Readonly<Record<BuiltInConfig["type"], AnyModelRecord>> = {
  bigram: anyRecord(isBigram, bigramRecord),
  transformer: anyRecord(isTransformer, transformerRecord),
  tokenformer: anyRecord(isTokenFormer, tokenformerRecord),
};

const own = anyRecord(isOwn, ownRecord);

const isBuiltIn = (config: ModelConfig): config is BuiltInConfig => Object.hasOwn(builtIn, config.type);

export function recordOf(config: ModelConfig): AnyModelRecord {
  return isBuiltIn(config) ? builtIn[config.type] : own;
}

/** A record that takes any configuration, and finds out whether it is one of its own. */
interface AnyModelRecord {
  forward(config: CompleteModelConfig): Model;
  check(config: CompleteModelConfig): void;
  sites(config: ModelConfig): readonly Site[];
  withSites<Config extends ModelConfig>(config: Config, sites: readonly Site[]): Config;
  tau(config: ModelConfig): TauRule;
  initials(config: CompleteModelConfig): ReadonlyMap<string, Initial>;
  /** The configuration of a model that learns τ from here on; `undefined` where it cannot. */
  readonly learningTau: (<Config extends ModelConfig>(config: Config) => Config) | undefined;
  flops(config: CompleteModelConfig, time: number, counts: () => ParameterCounts): number;
  parameters(config: ModelConfig): number;
  activations(config: ModelConfig): number;
  cached(config: ModelConfig): boolean;
}

function anyRecord<Own extends ModelConfig>(
  isOwn: (config: ModelConfig) => config is Own,
  { forward, check, sites, costs, cached }: ModelRecord<Own>,
): AnyModelRecord {
  const own = <Config extends ModelConfig>(config: Config): Config & Own => {
    if (isOwn(config)) return config;
    throw new Error(`internal: a ${config.type} is asked of the record of another type of model`);
  };
  const { learningTau } = sites;
  return {
    forward: (config) => forward(own(config)),
    check: (config) => check?.(own(config)),
    sites: (config) => sites.of(own(config)),
    withSites: (config, changed) => ({ ...config, ...sites.with(own(config), changed) }),
    tau: (config) => sites.tau(own(config)),
    initials: (config) => sites.initials(own(config)),
    learningTau: learningTau && ((config) => ({ ...config, ...learningTau(own(config)) })),
    flops: (config, time, counts) => costs.flops(own(config), time, counts),
    parameters: (config) => costs.parameters(own(config)),
    activations: (config) => costs.activations(own(config)),
    cached: (config) => cached(own(config)),
  };
}
