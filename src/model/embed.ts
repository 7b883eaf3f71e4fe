/** What every model of blocks begins with. */

import { embedding, positionEmbedding, type Scope } from "../nn/index.ts";
import { add, type Tensor } from "../tensor/index.ts";
import type { CompleteModelConfig, TokenFormerConfig, TransformerConfig } from "./config.ts";
import { embeddingSetup } from "./parametrisation.ts";

/** tokens [B, T] → [B, T, D]: their embeddings, with those of their positions where these are learned. */
export function embed(
  table: Scope,
  tokens: Tensor,
  config: CompleteModelConfig<TransformerConfig | TokenFormerConfig>,
): Tensor {
  const options = { ...config, setup: embeddingSetup(config) };
  const x = embedding(table, tokens, options);
  return config.positions === "rotary" ? x : add(x, positionEmbedding(table, tokens, options));
}
