/**
 * The layers that several models share, as functions over named parameters.
 *
 * Shapes: B batch, T time, D channels (the width), V vocabulary.
 */

import { add, at, gather, matmul, mul, normalise, type Tensor } from "../tensor/index.ts";
import { normal, ones, type ParameterSetup, type Scope, zeros } from "./scope.ts";

/** ε of every normalisation, as in the lecture and in the published TokenFormer. */
export const NORM_EPSILON = 1e-5;

/** Standard deviation of new weights and embeddings, where nothing else is said. */
export const WEIGHT_DEVIATION = 0.02;

const weights: ParameterSetup = { initial: normal(WEIGHT_DEVIATION) };

export interface LinearOptions {
  /** Channels of the output. */
  readonly width: number;
  readonly bias: boolean;
  /** How the weights start and learn. Default: N(0, 0.02). */
  readonly setup?: ParameterSetup;
}

/** x Wᵀ + b: x [..., D] → [..., width]; W [width, D], b [width]. */
export function linear(scope: Scope, x: Tensor, { width, bias, setup = weights }: LinearOptions): Tensor {
  const weight = scope.parameter("weight", [width, at(x.shape, -1)], setup.initial, setup.rate);
  const product = matmul(x, weight, { transposeB: true });
  return bias ? add(product, scope.parameter("bias", [width], zeros)) : product;
}

/** Normalisation over the channels of x [..., D]; with parameters, scaled and shifted by them (LayerNorm). */
export function layerNorm(
  scope: Scope,
  x: Tensor,
  options: { readonly parametric: boolean; readonly epsilon?: number },
): Tensor {
  const y = normalise(x, options.epsilon ?? NORM_EPSILON);
  if (!options.parametric) return y;
  const width = at(x.shape, -1);
  return add(mul(y, scope.parameter("scale", [width], ones)), scope.parameter("bias", [width], zeros));
}

/** The table of token embeddings [V, D]. Default: N(0, 0.02). */
export function tokenTable(scope: Scope, vocabulary: number, width: number, setup: ParameterSetup = weights): Tensor {
  return scope.parameter("tokens", [vocabulary, width], setup.initial, setup.rate);
}

/** Embeddings of tokens int32 [B, T] → [B, T, D]. */
export function embedding(
  scope: Scope,
  tokens: Tensor,
  { vocabulary, width, setup }: { vocabulary: number; width: number; setup?: ParameterSetup },
): Tensor {
  return gather(tokenTable(scope, vocabulary, width, setup), tokens);
}

/** Learned embeddings of the positions of tokens [B, T], of `context` at most → [T, D], or [B, T, D]. */
export function positionEmbedding(
  scope: Scope,
  tokens: Tensor,
  { context, width, setup = weights }: { context: number; width: number; setup?: ParameterSetup },
): Tensor {
  const table = scope.parameter("positions", [context, width], setup.initial, setup.rate);
  return gather(table, scope.positions(tokens));
}
