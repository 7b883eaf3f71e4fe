/** The lecture's `bigram.py`: each token alone predicts the next. */

import { type Model, normal, tokenTable } from "../nn/index.ts";
import { gather } from "../tensor/index.ts";
import type { BigramConfig, CompleteModelConfig } from "./config.ts";
import { type ModelRecord, noSites } from "./record.ts";

/** tokens [B, T] → logits [B, T, V]: rows of a table [V, V]. */
export const bigram =
  ({ vocabulary }: CompleteModelConfig<BigramConfig>): Model =>
  (scope, tokens) =>
    gather(tokenTable(scope.within("embedding"), vocabulary, vocabulary, { initial: normal(1) }), tokens);

export const bigramRecord: ModelRecord<BigramConfig> = {
  forward: bigram,
  sites: noSites(),
  costs: {
    flops: () => 0, // it only looks up rows
    parameters: ({ vocabulary = 1 }) => vocabulary ** 2,
    activations: ({ vocabulary = 1 }) => 2 * vocabulary,
  },
  cached: () => true,
};
