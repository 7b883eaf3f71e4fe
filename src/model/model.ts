/** From a configuration to a model, its sizes, its parameters and its costs. */

import { elementCount } from "../element-count.ts";
import { CacheTrace, type Model, type ParameterSpec, PresentCache, Scope } from "../nn/index.ts";
import { concreteShape, input, rowsOf, symbol, type Tensor } from "../tensor/index.ts";
import { bigram } from "./bigram.ts";
import type { Complete, ModelConfig } from "./config.ts";
import { type Site, sitesOf, tausOf } from "./sites.ts";
import { tokenformer } from "./tokenformer.ts";
import { transformer } from "./transformer.ts";

/** The model of a configuration, as a function of parameters and tokens. */
export function modelOf(config: Complete): Model {
  switch (config.type) {
    case "bigram":
      return bigram(config);
    case "transformer":
      return transformer(config);
    case "tokenformer":
      return tokenformer(config);
  }
}

/** The sites of a configuration; none but for a TokenFormer. */
export function sites(config: ModelConfig): Site[] {
  return config.type === "tokenformer" ? sitesOf(config) : [];
}

/** The values of the symbolic dimensions that a configuration sets: each site's number of parameter tokens. */
export function sizesOf(config: ModelConfig): Map<string, number> {
  return new Map(sites(config).map(({ path, tokens }) => [`${path}.tokens`, tokens]));
}

/** The values that the model is given at each run: each site's τ. Empty for a Θ without one, and where τ is learned. */
export function givenOf(config: ModelConfig): Map<string, number> {
  if (config.type !== "tokenformer" || config.activation === "softmax" || config.learnedTau) return new Map();
  return tausOf(config);
}

/** Whether one compiled program serves both models: whether they differ in numbers of tokens and τ alone. */
export function sameProgram(a: Complete, b: Complete): boolean {
  const structure = (config: Complete) => JSON.stringify({ ...config, tokens: undefined, tau: undefined });
  return structure(a) === structure(b);
}

/** A model traced on tokens int32 [B, T]. */
export interface Traced {
  readonly scope: Scope;
  readonly tokens: Tensor;
  readonly logits: Tensor;
}

export interface TraceOptions {
  /** Whether dropout is active. */
  readonly training: boolean;
  /** The tokens of each sequence. Default: any number; if it is known, long attention takes less time. */
  readonly time?: number | undefined;
}

export function traceModel(model: Model, { training, time }: TraceOptions): Traced {
  const scope = Scope.root({ training });
  const tokens = input("tokens", [symbol("B"), time ?? symbol("T")], "int32");
  return { scope, tokens, logits: model(scope, tokens) };
}

/** A model traced on new tokens int32 [B, T] and a cache of earlier ones; the logits are those that are wanted, [W, V]. */
export interface TracedWithCache extends Traced {
  readonly cache: CacheTrace;
}

export function traceWithCache(model: Model): TracedWithCache {
  const tokens = input("tokens", [symbol("B"), symbol("T")], "int32");
  const cache = new CacheTrace(tokens);
  const scope = Scope.root({ training: false, cache });
  return { scope, cache, tokens, logits: rowsOf(cache.select(model(scope, tokens))) };
}

/**
 * A model as other programs run it: tokens int32 [B, T] and `past.*` → logits [B, T, V] and `present.*`, the outputs by name.
 */
export function traceWithPresent(model: Model): Readonly<Record<string, Tensor>> {
  const tokens = input("tokens", [symbol("B"), symbol("T")], "int32");
  const cache = new PresentCache(tokens);
  const logits = model(Scope.root({ training: false, cache }), tokens);
  return { logits, ...Object.fromEntries(cache.present) };
}

/** A parameter with its size. */
export interface SizedParameter extends ParameterSpec {
  readonly size: readonly number[];
}

/** The parameters of a configuration, in the order in which the model uses them. */
export function parametersOf(config: Complete): SizedParameter[] {
  const sizes = sizesOf(config);
  const { scope } = traceModel(modelOf(config), { training: false });
  return scope.parameters.map((spec) => ({ ...spec, size: concreteShape(spec.shape, sizes) }));
}

/** Parameter counts by group, which sum to the total. */
export interface ParameterCounts {
  readonly embedding: number;
  readonly attention: number;
  readonly feedForward: number;
  readonly norms: number;
  /** 0 where the output is tied to the embedding. */
  readonly output: number;
  readonly total: number;
}

export function countParameters(config: Complete): ParameterCounts {
  const counts = { embedding: 0, attention: 0, feedForward: 0, norms: 0, output: 0 };
  for (const { name, size } of parametersOf(config)) {
    counts[groupOf(name)] += elementCount(size);
  }
  return { ...counts, total: Object.values(counts).reduce((sum, n) => sum + n) };
}

function groupOf(name: string): Exclude<keyof ParameterCounts, "total"> {
  if (name.startsWith("embedding.")) return "embedding";
  if (name.startsWith("output.")) return "output";
  if (name.includes("Norm.")) return "norms";
  return name.includes(".attention.") ? "attention" : "feedForward";
}

/**
 * Floating-point operations of a forward pass over one sequence of T tokens, a multiplication and an addition counted as two:
 * 2 N T for the N parameters of the layers, 4 · layers · width · T² for the attention between tokens (counted in full, as
 * is usual, though training leaves out part of what the mask hides), 2 · vocabulary · width · T for the logits (TokenFormer, arXiv 2410.23168, table 6). A bigram model
 * only looks up rows: 0.
 */
export function forwardFlops(config: Complete, time: number = config.context): number {
  if (config.type === "bigram") return 0;
  const { attention, feedForward } = countParameters(config);
  const layers = 2 * (attention + feedForward) * time;
  return layers + 4 * config.layers * config.width * time ** 2 + 2 * config.vocabulary * config.width * time;
}

/** Training costs three forward passes: one forward, two backward. Per token, at full context. */
export function trainingFlopsPerToken(config: Complete): number {
  return (3 * forwardFlops(config)) / config.context;
}
