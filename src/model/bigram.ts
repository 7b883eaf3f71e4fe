/** The lecture's `bigram.py`: each token alone predicts the next. */

import { type Model, normal, tokenTable } from "../nn/index.ts";
import { gather } from "../tensor/index.ts";
import type { BigramConfig, Complete } from "./config.ts";

/** tokens [B, T] → logits [B, T, V]: rows of a table [V, V]. */
export const bigram =
  ({ vocabulary }: Complete<BigramConfig>): Model =>
  (scope, tokens) =>
    gather(tokenTable(scope.within("embedding"), vocabulary, vocabulary, { initial: normal(1) }), tokens);
