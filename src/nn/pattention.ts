/**
 * Token–parameter attention (TokenFormer, arXiv 2410.23168, section 3.2): a linear layer whose weights are n key and n
 * value vectors, the parameter tokens, to which each input token attends.
 *
 * Shapes: B batch, T time, D channels of the input, P parameter tokens (the paper's n).
 */

import {
  at,
  concat,
  constant,
  type Dimension,
  erfGate,
  extent,
  gelu,
  l2Normalise,
  matmul,
  mul,
  reshape,
  type SymbolicDimension,
  softmax,
  symbol,
  type Tensor,
} from "../tensor/index.ts";
import { filled, type ParameterSetup, type Scope, zeros } from "./scope.ts";

/** The functions Θ from scores to weights, under the names of the published code. */
export const pattentionActivations = ["l2_norm_gelu", "gelu_l2_norm", "softmax"] as const;

export type PattentionActivation = (typeof pattentionActivations)[number];

export interface PattentionOptions {
  /** Channels of the output. */
  readonly width: number;
  readonly activation: PattentionActivation;
  readonly keys: ParameterSetup;
  readonly values: ParameterSetup;
  /** The value from which τ starts as a parameter. Default: τ is given at each run. */
  readonly learnedTau?: number | undefined;
}

/**
 * Y = Θ(X Kᵀ) V. The number of parameter tokens is the symbol `tokensOf(path)` of the scope's path, and τ the given value
 * `tau` there, so that one compiled program serves every stage of growth; or τ is a parameter of that name. Records Θ(X Kᵀ)
 * as `weights`, and as `shares` each token's share of what Θ divides by: of the squared L2 norm, or of the sum of exponentials.
 * @param x [B, T, D]
 * @returns [B, T, width]
 */
export function pattention(scope: Scope, x: Tensor, options: PattentionOptions): Tensor {
  const { width, activation, learnedTau } = options;
  requireActivation(activation);
  const tokens = tokensOf(scope.path("tokens"));
  const parameter = (name: "keys" | "values", columns: Dimension) =>
    scope.parameter(name, [tokens, columns], options[name].initial, options[name].rate);
  const keys = parameter("keys", at(x.shape, -1)); // K [P, D]
  const values = parameter("values", width); // V [P, width]
  const scores = matmul(x, keys, { transposeB: true }); // A = X Kᵀ [B, T, P]
  const tau = () => tauOf(scope, learnedTau);
  const { weights, factor, shares } = weigh(scores, { activation, tokens, training: scope.training }, tau); // Θ(A) / factor [B, T, P]
  scope.record("weights", mul(weights, factor)); // Θ(A) [B, T, P]
  scope.record("shares", shares); // [B, T, P]
  return matmul(weights, values, { alpha: factor }); // Θ(A) V [B, T, width]
}

/** Some generations of one place with equally many tokens, which sequences have or have not. */
export interface GatedPattentionOptions extends Pick<PattentionOptions, "width" | "activation" | "learnedTau"> {
  /** The tokens of each. */
  readonly tokens: number;
  /** The scope of each. */
  readonly scopes: readonly Scope[];
  /** 1 where a sequence has it, 0 where it has not: [B, 1] of each. */
  readonly open: readonly Tensor[];
}

/**
 * Σ_g open_g Θ_g(X K_gᵀ) V_g: `pattention` of several generations G at once, each with a norm of its own, by two products for all. Outside
 * of training alone, as it records nothing.
 * @param x [B, T, D]
 * @returns [B, T, width]
 */
export function gatedPattention(x: Tensor, options: GatedPattentionOptions): Tensor {
  const { width, activation, tokens, scopes, open, learnedTau } = options;
  requireActivation(activation);
  const groups = scopes.length;
  const parameters = (name: "keys" | "values", columns: Dimension) =>
    concat(
      scopes.map((own) => own.parameter(name, [tokens, columns], zeros)),
      0,
    ); // [G P, columns]
  const taus = () => {
    const each = scopes.map((own) => tauOf(own, learnedTau));
    return reshape(
      concat(
        each.map((tau) => reshape(tau, [1])),
        0,
      ),
      [groups, 1],
    );
  };
  const [batch, time] = [at(x.shape, 0), at(x.shape, 1)];
  const scores = matmul(x, parameters("keys", at(x.shape, -1)), { transposeB: true }); // [B, T, G P]
  const apart = reshape(scores, [batch, time, groups, tokens]);
  const weights = weighAlone(apart, activation, tokens, taus);
  const gates = reshape(concat(open, 1), [batch, 1, groups, 1]);
  return matmul(reshape(mul(weights, gates), [batch, time, groups * tokens]), parameters("values", width));
}

/** What JavaScript lets pass. */
function requireActivation(activation: PattentionActivation): void {
  if (pattentionActivations.includes(activation)) return;
  throw new Error(`pattention: activation is "${activation}", expected one of ${pattentionActivations.join(", ")}`);
}

/** Θ over the last axis, with a τ [G, 1] of each of the groups before it. */
function weighAlone(scores: Tensor, activation: PattentionActivation, tokens: number, taus: () => Tensor): Tensor {
  const unit = (of: Tensor) => mul(l2Normalise(of, constant(1)), taus());
  switch (activation) {
    case "l2_norm_gelu":
      return gelu(unit(scores));
    case "gelu_l2_norm":
      return unit(gelu(scores));
    case "softmax":
      return mul(softmax(scores), tokens);
  }
}

function tauOf(scope: Scope, learnedTau: number | undefined): Tensor {
  return learnedTau === undefined ? scope.given("tau") : scope.parameter("tau", [], filled(learnedTau));
}

/** The symbolic number of parameter tokens at a path that ends in `.tokens`. */
export function tokensOf(path: string): SymbolicDimension {
  return symbol(path);
}

/**
 * Θ(A) as weights and a constant factor, which costs nothing in the product that follows. A zero row of scores gives zeros for
 * the two that normalise by the L2 norm.
 */
function weigh(
  scores: Tensor,
  { activation, tokens, training }: { activation: PattentionActivation; tokens: Dimension; training: boolean },
  tau: () => Tensor,
) {
  switch (activation) {
    case "l2_norm_gelu": {
      if (!training) return { weights: gelu(l2Normalise(scores, tau())), factor: 1, shares: squaresOfUnit(scores) };
      // GELU(τ A / ‖A‖) = √½ u (1 + erf u) with u = √½ τ A / ‖A‖
      const u = l2Normalise(scores, mul(tau(), Math.SQRT1_2));
      return { weights: erfGate(u), factor: Math.SQRT1_2, shares: squaresOfUnit(scores) };
    }
    case "gelu_l2_norm": {
      const bent = gelu(scores);
      return { weights: l2Normalise(bent, tau()), factor: 1, shares: squaresOfUnit(bent) }; // τ GELU(A) / ‖GELU(A)‖
    }
    case "softmax": {
      const shares = softmax(scores);
      return { weights: mul(shares, extent(tokens)), factor: 1, shares }; // n exp(A) / Σ exp(A)
    }
  }
}

/** x² / ‖x‖² over the last axis. */
function squaresOfUnit(x: Tensor): Tensor {
  const unit = l2Normalise(x, constant(1));
  return mul(unit, unit);
}
