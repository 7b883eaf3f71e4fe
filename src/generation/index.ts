/** Writing text with a model. */

export { type GenerateOptions, generate, type NextLogits } from "./generate.ts";
export { type SamplingOptions, sampleToken } from "./sample.ts";
