/** What models of blocks cost: a Transformer and a TokenFormer. */

import type { CompleteModelConfig, TokenFormerConfig, TransformerConfig } from "./config.ts";
import type { ParameterCounts } from "./counts.ts";

type BlockConfig = TransformerConfig | TokenFormerConfig;

/**
 * Operations of a forward pass over one sequence of T tokens: 2 N T for the N parameters of the layers, 4 · layers · width · T²
 * for the attention between tokens (counted in full, as is usual, though training leaves out part of what the mask hides),
 * 2 · vocabulary · width · T for the logits (TokenFormer, arXiv 2410.23168, table 6).
 */
export function blockFlops(
  { layers, width, vocabulary }: CompleteModelConfig<BlockConfig>,
  time: number,
  { attention, feedForward }: ParameterCounts,
): number {
  return 2 * (attention + feedForward) * time + 4 * layers * width * time ** 2 + 2 * vocabulary * width * time;
}

/** The embeddings, and the output where it has weights of its own. */
export function embeddingParameters({ vocabulary = 1, width, tied }: BlockConfig): number {
  return vocabulary * width * (tied ? 1 : 2);
}

/**
 * Numbers that a pass keeps for each of its tokens: logits with their gradients, scores of earlier tokens, the residual stream,
 * and those of hidden units twice.
 * @param units hidden units, or parameter tokens, of all layers
 */
export function blockActivations(
  { vocabulary = 1, layers, heads, context, width }: BlockConfig,
  units: number,
): number {
  const attention = (layers * heads * context) / 2;
  return 2 * vocabulary + attention + 6 * layers * width + 2 * units;
}
