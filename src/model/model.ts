/** From a configuration to a model, its sizes, its parameters and its costs. */

import { elementCount } from "../element-count.ts";
import type { Initial, Model, ParameterSpec } from "../nn/index.ts";
import { concreteShape } from "../tensor/index.ts";
import { type CompleteModelConfig, isOwn, type ModelConfig } from "./config.ts";
import { countByGroup, type ParameterCounts } from "./counts.ts";
import type { TauRule } from "./record.ts";
import { recordOf } from "./records.ts";
import type { Site } from "./site.ts";
import { traceModel } from "./trace.ts";

/** The model of a configuration, as a function of parameters and tokens. */
export function modelOf(config: CompleteModelConfig): Model {
  return recordOf(config).forward(config);
}

/** Throws a `UserError` for a model of one's own that is not what its definition says. */
export function checkModel(config: CompleteModelConfig): void {
  recordOf(config).check(config);
}

/** The sites of a configuration: the places that hold parameter tokens. Empty for a model without. */
export function sites(config: ModelConfig): readonly Site[] {
  return recordOf(config).sites(config);
}

/** The configuration with the sites' numbers of tokens and τ. */
export function withSites<Config extends ModelConfig>(config: Config, changed: readonly Site[]): Config {
  return recordOf(config).withSites(config, changed);
}

/** Whether the τ of a model are given at each run, learned, or not there. */
export function tauRule(config: ModelConfig): TauRule {
  return recordOf(config).tau(config);
}

/** The configuration of a model that learns its τ from here on; `undefined` where it cannot. */
export function learningTauConfig<Config extends ModelConfig>(config: Config): Config | undefined {
  return recordOf(config).learningTau?.(config);
}

/** Whether tokens that are appended get a norm of their own. */
export function hasGenerationNorm(config: ModelConfig): boolean {
  return config.type === "tokenformer" && config.tokenNorm === "generation";
}

/** Whether a cache of keys and values serves while the model writes; otherwise whole windows go through it. */
export function isCached(config: ModelConfig): boolean {
  return recordOf(config).cached(config);
}

/** The values of the symbolic dimensions that a configuration sets: each site's number of parameter tokens. */
export function sizesOf(config: ModelConfig): Map<string, number> {
  return new Map(sites(config).map(({ path, tokens }) => [`${path}.tokens`, tokens]));
}

/** The values that the model is given at each run: each site's τ. Empty for a Θ without one, and where τ is learned. */
export function givenOf(config: ModelConfig): Map<string, number> {
  if (tauRule(config) !== "given") return new Map();
  return new Map(sites(config).map(({ path, tau }) => [`${path}.tau`, tau]));
}

/**
 * Whether one compiled program serves both models: whether they differ in numbers of tokens and τ alone. Where a place has several
 * sites, their numbers are part of the program: rates of each are shared with the tokens of the others.
 */
export function sameProgram(a: CompleteModelConfig, b: CompleteModelConfig): boolean {
  const structure = (config: CompleteModelConfig) => {
    const all = sites(config);
    const shared = new Set(all.filter(({ generation }) => generation > 0).map(({ place }) => place));
    const alike = all.map((site) => ({ ...site, tokens: shared.has(site.place) ? site.tokens : 1, tau: 1 }));
    return JSON.stringify(withSites(config, alike));
  };
  return structure(a) === structure(b);
}

/** A parameter with its size. */
export interface SizedParameter extends ParameterSpec {
  readonly size: readonly number[];
}

/** The parameters of a configuration, in the order in which the model uses them. */
export function parametersOf(config: CompleteModelConfig): SizedParameter[] {
  // A model of one's own may be defined anew.
  return isOwn(config) ? tracedParameters(config) : [...knownParameters(config)];
}

function knownParameters(config: CompleteModelConfig): readonly SizedParameter[] {
  const key = JSON.stringify(config);
  const parameters = latest.get(key) ?? tracedParameters(config);
  latest.delete(key);
  latest.set(key, parameters);
  const [oldest] = latest.keys();
  if (latest.size > MOST_KEPT && oldest !== undefined) latest.delete(oldest);
  return parameters;
}

/** The parameters of the configurations that were last asked for: a plan of a study asks for those of a few models thousands of times. */
const latest = new Map<string, readonly SizedParameter[]>();

const MOST_KEPT = 32;

function tracedParameters(config: CompleteModelConfig): SizedParameter[] {
  const sizes = sizesOf(config);
  const { scope } = traceModel(modelOf(config), { training: false });
  return scope.parameters.map((spec) => ({ ...spec, size: concreteShape(spec.shape, sizes) }));
}

/** How the keys and values of a model's sites start, by the names of the parameters. */
export function initialsOf(config: CompleteModelConfig): ReadonlyMap<string, Initial> {
  return recordOf(config).initials(config);
}

/** The parameters of a configuration by group. */
export function countParameters(config: CompleteModelConfig): ParameterCounts {
  return countByGroup(new Map(parametersOf(config).map(({ name, size }) => [name, { shape: size }])));
}

/**
 * Floating-point operations of a forward pass over one sequence of T tokens, a multiplication and an addition counted as two: for
 * models of blocks by the paper's formula, see `blockFlops`. A bigram model only looks up rows: 0.
 */
export function forwardFlops(config: CompleteModelConfig, time: number = config.context): number {
  return recordOf(config).flops(config, time, () => countParameters(config));
}

/** Floating-point operations of training for each token, at full context: those of three forward passes, one forward and two backward. */
export function trainingFlopsPerToken(config: CompleteModelConfig): number {
  return trainingFlops(config, () => countParameters(config));
}

/**
 * As `trainingFlopsPerToken`, of a model whose parameters are at hand, and need no trace to be counted.
 * @param learns which parameters learn: of the matrices of the others no gradient is computed, which is a multiplication and an addition
 * for each number. Default: all
 */
export function trainingFlopsOf(
  config: CompleteModelConfig,
  parameters: Parameters<typeof countByGroup>[0],
  learns: (parameter: string) => boolean = () => true,
): number {
  const isTied = "tied" in config && config.tied === true;
  const isProduct = (name: string) => !name.startsWith("embedding.") || (isTied && name === "embedding.tokens");
  const frozen = [...parameters].filter(([name, { shape }]) => !learns(name) && shape.length === 2 && isProduct(name));
  const numbers = frozen.reduce((sum, [, { shape }]) => sum + elementCount(shape), 0);
  return trainingFlops(config, () => countByGroup(parameters)) - 2 * numbers;
}

function trainingFlops(config: CompleteModelConfig, counts: () => ParameterCounts): number {
  return (3 * recordOf(config).flops(config, config.context, counts)) / config.context;
}

/** Parameters by formula, without a trace, at least. A vocabulary that is not known yet counts as one token. */
export function leastParameters(config: ModelConfig): number {
  return recordOf(config).parameters(config);
}

/** Numbers that a training pass keeps for each of its tokens, at least: the logits, scores, channels and hidden units. */
export function leastActivations(config: ModelConfig): number {
  return recordOf(config).activations(config);
}
