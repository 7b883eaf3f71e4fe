/**
 * TokenFormer (arXiv 2410.23168): a Transformer decoder with token–parameter attention in place of every projection.
 *
 * Shapes: B batch, T time, D channels (the width), V vocabulary; the paper's n is the number of parameter tokens of a site.
 *
 * Initial distributions (as in the published code): keys, embeddings and output N(0, 0.02); values N(0, 2 / (layers √D));
 * scales 1, biases 0; a τ that is learned, that of the configuration.
 */

import {
  causalAttention,
  dropout,
  layerNorm,
  linear,
  type Model,
  pattention,
  type Scope,
  tokenTable,
} from "../nn/index.ts";
import { add, matmul, type Tensor } from "../tensor/index.ts";
import { type Complete, rotaryChannels, type TokenFormerConfig } from "./config.ts";
import { embed } from "./embed.ts";
import { tausOf } from "./sites.ts";

/** tokens [B, T] → logits [B, T, V]. */
export const tokenformer =
  (config: Complete<TokenFormerConfig>): Model =>
  (scope, tokens) => {
    const table = scope.within("embedding");
    let x = embed(table, tokens, config); // [B, T, D]
    for (let layer = 0; layer < config.layers; layer++) x = block(scope.within(`blocks.${layer}`), x, config);
    const final = layerNorm(scope.within("finalNorm"), scope.wanted(x), {
      parametric: config.finalNorm === "parametric",
    });
    if (config.tied) return matmul(final, tokenTable(table, config.vocabulary, config.width), { transposeB: true });
    return linear(scope.within("output"), final, { width: config.vocabulary, bias: false }); // [B, T, V]
  };

function block(scope: Scope, x: Tensor, config: TokenFormerConfig): Tensor {
  const norm = (name: string, t: Tensor) =>
    layerNorm(scope.within(name), t, { parametric: config.blockNorm === "parametric" });
  const y = add(x, attend(scope.within("attention"), norm("attentionNorm", x), config));
  return add(
    y,
    dropout(scope, attendParameters(scope.within("feedForward"), norm("feedForwardNorm", y), config), config.dropout),
  );
}

function attend(scope: Scope, x: Tensor, config: TokenFormerConfig): Tensor {
  const query = attendParameters(scope.within("query"), x, config);
  const key = attendParameters(scope.within("key"), x, config);
  const value = attendParameters(scope.within("value"), x, config);
  const attended = causalAttention(scope, { query, key, value }, { ...config, rotary: rotaryChannels(config) });
  return dropout(scope, attendParameters(scope.within("projection"), attended, config), config.dropout);
}

/** The Pattention of a site, from the residual stream's width to the same width. */
function attendParameters(scope: Scope, x: Tensor, config: TokenFormerConfig): Tensor {
  const { width, activation, learnedTau } = config;
  const tau = learnedTau ? tausOf(config).get(scope.path("tau")) : undefined;
  return pattention(scope, x, { width, activation, valueDeviation: valueDeviation(config), learnedTau: tau });
}

/** The standard deviation of new values. */
export function valueDeviation({ width, layers }: { readonly width: number; readonly layers: number }): number {
  return 2 / (layers * Math.sqrt(width));
}
