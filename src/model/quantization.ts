/** Which weights are quantised, and how. */

import type { Quantization } from "../tensor/index.ts";

export const quantizationNames = ["int8", "int4"] as const;

export type QuantizationName = (typeof quantizationNames)[number];

/** Numbers that share a scale. */
const BLOCK = 32;

/**
 * How the products with a parameter are computed: `int8` and `int4` round the weights of every product to 8 and 4 bits, in
 * blocks of 32 with a scale each. The output layer always has 8. Embeddings that are looked up stay as they are.
 */
export function quantizationOf(scheme: QuantizationName, parameter: string): Quantization {
  const output = parameter.startsWith("embedding.") || parameter.startsWith("output.");
  return { bits: scheme === "int8" || output ? 8 : 4, block: BLOCK };
}
