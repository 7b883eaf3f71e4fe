/** Sequences of any model: with a cache of keys and values where that serves, else by whole windows. */

import type { Inference } from "../inference/index.ts";
import { type CompleteModelConfig, isCached } from "../model/index.ts";
import { Decoder, type DecoderOptions } from "./decoder.ts";
import { type Sequences, windowed } from "./sequences.ts";

export interface OpenedSequences extends Sequences {
  /** Whether a program has a copy of the weights, so that the tensors it was made of may be disposed of. */
  readonly holdsWeights: boolean;
  /** Frees what was opened for them. */
  release(): Promise<void>;
}

/**
 * Opens what writes with a model.
 * @param config the model's: it says whether a cache serves, see `ModelDefinition.cached`
 * @param slots sequences at once, at most; default 1
 */
export async function openSequences(
  inference: Inference,
  config: CompleteModelConfig,
  options: { readonly slots?: number } & Pick<DecoderOptions, "freeze" | "gated"> = {},
): Promise<OpenedSequences> {
  const { context } = config;
  const { slots = 1 } = options;
  if (isCached(config)) return Decoder.open(inference, { context, ...options });
  const sequences = windowed((window) => inference.nextLogits(window), context, slots);
  return { ...sequences, holdsWeights: false, release: async () => {} };
}
