/**
 * Parametrisations: how each kind of tensor starts, and what the learning rate is multiplied by for it.
 *
 * D is the width, L the number of layers, n the parameter tokens at a place, c the mean square of Θ's weights (`meanSquare`), F
 * the channels that a weight sums over. Scales start at 1, biases at 0, a learned τ at that of the configuration; their rate is
 * 1, as are all rates of `published`.
 *
 * A TokenFormer:
 *
 * | tensor                          | published        | balanced             | its rate          |
 * | ------------------------------- | ---------------- | -------------------- | ----------------- |
 * | `embedding.*`, `output.weight`  | N(0, 0.02)       | N(0, 1 / √D)         | 6 √(128 / D)      |
 * | `keys`                          | N(0, 0.02)       | N(0, 0.02)           | √(128 / D)        |
 * | `values` of query and key       | N(0, 2 / (L √D)) | N(0, 0.3 / √(c n))   | 512 / n           |
 * | `values` of value               | N(0, 2 / (L √D)) | N(0, 0.3 / √(c n))   | 64 / n            |
 * | `values` of the other two       | N(0, 2 / (L √D)) | N(0, 2 / √(c n D L)) | 32 √(128 / D) / n |
 *
 * A Transformer:
 *
 * | tensor                          | published        | balanced             | its rate          |
 * | ------------------------------- | ---------------- | -------------------- | ----------------- |
 * | `embedding.*`, `output.weight`  | N(0, 0.02)       | N(0, 1 / √D)         | 6 √(128 / D)      |
 * | `projection`, `down`            | N(0, 0.02)       | N(0, 1 / √(2 L F))   | 256 / D           |
 * | `query`, `key`, `value`, `up`   | N(0, 0.02)       | N(0, 1 / √F)         | 256 / D           |
 */

import { type NormalInitial, normal, type ParameterSetup, type PattentionActivation } from "../nn/index.ts";
import type { SiteKind, TokenFormerConfig, TransformerConfig } from "./config.ts";

/** The setup of a tensor that starts with normal draws. */
export interface NormalSetup extends ParameterSetup {
  readonly initial: NormalInitial;
}

/** How the keys and values of a site start, and how fast they learn. */
export type SiteSetup = Readonly<Record<"keys" | "values", NormalSetup>>;

/** The standard deviation of all that is published but values. */
const PUBLISHED = 0.02;

const published: NormalSetup = { initial: normal(PUBLISHED) };

/** The width at which the rates of `balanced` are as they were tuned. */
const WIDTH = 128;

/** The embeddings of tokens and positions, and an output that is not tied to them. */
export function embeddingSetup({ parametrisation, width }: TokenFormerConfig | TransformerConfig): NormalSetup {
  if (parametrisation !== "balanced") return published;
  return { initial: normal(1 / Math.sqrt(width)), rate: 6 * Math.sqrt(WIDTH / width) };
}

/**
 * The keys and values of a site.
 * @param tokens how many it has when they are drawn
 * @param others how many are at the same place with other norms. Default 0
 */
export function siteSetup(config: TokenFormerConfig, kind: SiteKind, tokens: number, others = 0): SiteSetup {
  const { parametrisation, width, layers, activation } = config;
  if (parametrisation !== "balanced") {
    return { keys: published, values: { initial: normal(2 / (layers * Math.sqrt(width))) } };
  }
  const narrow = Math.sqrt(WIDTH / width);
  const { size, rate } = {
    query: { size: 0.3, rate: 512 },
    key: { size: 0.3, rate: 512 },
    value: { size: 0.3, rate: 64 },
    projection: { size: 2 / Math.sqrt(layers * width), rate: 32 * narrow },
    feedForward: { size: 2 / Math.sqrt(layers * width), rate: 32 * narrow },
  }[kind];
  const deviation = size / Math.sqrt(meanSquare(activation, width) * (tokens + others));
  return {
    keys: { initial: normal(PUBLISHED), rate: narrow },
    values: { initial: normal(deviation), rate: ([now = tokens]) => rate / (now + others) },
  };
}

/** The linear layers of a Transformer's block. */
export type WeightName = "query" | "key" | "value" | "projection" | "up" | "down";

/** The weights of a linear layer in a block of a Transformer. */
export function weightSetup({ parametrisation, width, layers }: TransformerConfig, name: WeightName): NormalSetup {
  if (parametrisation !== "balanced") return published;
  const channels = name === "down" ? 4 * width : width;
  const share = name === "projection" || name === "down" ? 2 * layers : 1;
  return { initial: normal(1 / Math.sqrt(share * channels)), rate: (2 * WIDTH) / width };
}

/** The mean square of Θ's weights over the tokens of a site, where τ = √n and keys are random. */
function meanSquare(activation: PattentionActivation, width: number): number {
  switch (activation) {
    case "l2_norm_gelu":
      return 0.425; // of GELU(z), z from N(0, 1)
    case "gelu_l2_norm":
      return 1; // what is divided by its norm and multiplied by √n
    case "softmax":
      return Math.exp(width * PUBLISHED ** 2); // of exp(z) over its mean, z from N(0, 0.02 √D)
  }
}
