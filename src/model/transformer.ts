/**
 * The lecture's `gpt.py`: a pre-norm Transformer decoder. Its positions are learned, or rotary as an option. How parameters
 * start and learn is in `parametrisation.ts`.
 *
 * Shapes: B batch, T time, D channels (the width), V vocabulary.
 */

import { causalAttention, dropout, layerNorm, linear, type Model, type Scope, tokenTable } from "../nn/index.ts";
import { add, gelu, matmul, relu, type Tensor } from "../tensor/index.ts";
import { blockActivations, blockFlops, embeddingParameters } from "./block-costs.ts";
import { type CompleteModelConfig, rotaryChannels, type TransformerConfig } from "./config.ts";
import { embed } from "./embed.ts";
import { embeddingSetup, weightSetup } from "./parametrisation.ts";
import { type ModelRecord, noSites } from "./record.ts";

/**
 * tokens [B, T] → logits [B, T, V].
 * @param project the linear layers of its blocks. Default: weights, and biases where the configuration says so
 */
export const transformer =
  (config: CompleteModelConfig<TransformerConfig>, project: typeof linear = linear): Model =>
  (scope, tokens) => {
    const table = scope.within("embedding");
    let x = embed(table, tokens, config); // [B, T, D]
    for (let layer = 0; layer < config.layers; layer++) x = block(scope.within(`blocks.${layer}`), x, config, project);
    const final = norm(scope, "finalNorm", scope.wanted(x), config);
    const { vocabulary, width, biases: bias } = config;
    const setup = embeddingSetup(config);
    if (config.tied) return matmul(final, tokenTable(table, vocabulary, width, setup), { transposeB: true });
    return linear(scope.within("output"), final, { width: vocabulary, bias, setup }); // [B, T, V]
  };

function block(scope: Scope, x: Tensor, config: TransformerConfig, project: typeof linear): Tensor {
  const y = add(x, attend(scope.within("attention"), norm(scope, "attentionNorm", x, config), config, project));
  return add(y, feedForward(scope.within("feedForward"), norm(scope, "feedForwardNorm", y, config), config, project));
}

const norm = (scope: Scope, name: string, x: Tensor, { normEpsilon }: TransformerConfig) =>
  layerNorm(scope.within(name), x, { parametric: true, epsilon: normEpsilon });

function attend(scope: Scope, x: Tensor, config: TransformerConfig, linearLayer: typeof linear): Tensor {
  const { width, biases, dropout: rate } = config;
  const project = (name: "query" | "key" | "value" | "projection", t: Tensor, bias: boolean) =>
    linearLayer(scope.within(name), t, { width, bias, setup: weightSetup(config, name) });
  const [query, key, value] = [project("query", x, false), project("key", x, false), project("value", x, false)];
  const attended = causalAttention(scope, { query, key, value }, { ...config, rotary: rotaryChannels(config) });
  return dropout(scope, project("projection", attended, biases), rate);
}

function feedForward(scope: Scope, x: Tensor, config: TransformerConfig, project: typeof linear): Tensor {
  const { width, biases: bias, activation, dropout: rate } = config;
  const hidden = project(scope.within("up"), x, { width: 4 * width, bias, setup: weightSetup(config, "up") }); // [B, T, 4 D]
  const active = activation === "relu" ? relu(hidden) : gelu(hidden);
  return dropout(
    scope,
    project(scope.within("down"), active, { width, bias, setup: weightSetup(config, "down") }),
    rate,
  );
}

export const transformerRecord: ModelRecord<TransformerConfig> = {
  forward: transformer,
  sites: noSites(),
  costs: {
    flops: (config, time, counts) => blockFlops(config, time, counts()),
    parameters: (config) => embeddingParameters(config) + 12 * config.layers * config.width ** 2,
    activations: (config) => blockActivations(config, 4 * config.width * config.layers),
  },
  cached: () => true,
};
