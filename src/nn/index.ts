/** Layers as functions over named parameters. */

export { type AttentionOptions, causalAttention } from "./attention.ts";
export { type Cache, CacheTrace, type LayerCache, PresentCache } from "./cache.ts";
export { DROPOUT_FIRST, DROPOUT_SEED, dropout } from "./dropout.ts";
export {
  embedding,
  type LinearOptions,
  layerNorm,
  linear,
  NORM_EPSILON,
  positionEmbedding,
  tokenTable,
  WEIGHT_DEVIATION,
} from "./layers.ts";
export {
  gatedPattention,
  type PattentionActivation,
  type PattentionOptions,
  pattention,
  pattentionActivations,
  tokensOf,
} from "./pattention.ts";
export {
  filled,
  type Gates,
  type Initial,
  type Model,
  type NormalInitial,
  normal,
  ones,
  type ParameterSetup,
  type ParameterSpec,
  type RateFactor,
  Scope,
  type ScopeOptions,
  zeros,
} from "./scope.ts";
