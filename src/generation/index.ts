/** Writing text with a model. */

export type { CachedModelOptions, LoadedModel } from "./cached-model.ts";
export { Decoder, type DecoderOptions } from "./decoder.ts";
export { type GenerateOptions, generate } from "./generate.ts";
export { type SamplingOptions, sampleToken } from "./sample.ts";
export { type Alternative, mostLikely, scoreToken, type TokenScore } from "./scores.ts";
export { type NextLogits, type Sequences, type Started, type StartOptions, windowed } from "./sequences.ts";
