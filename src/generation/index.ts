/** Writing text with a model. */

export type { CachedModelOptions, LoadedModel } from "./cached-model.ts";
export { Decoder, type DecoderOptions } from "./decoder.ts";
export { contextModes, type Finish, type GenerateOptions, generate, type Written, write } from "./generate.ts";
export { type OpenedSequences, openSequences } from "./open-sequences.ts";
export { fittingMessages, type ReplyOptions, reply } from "./reply.ts";
export { type EarlierTokens, type SamplingOptions, sampleToken } from "./sample.ts";
export { type Alternative, mostLikely, scoreToken, type TokenScore } from "./scores.ts";
export { type NextLogits, type Sequences, type Started, type StartOptions, windowed } from "./sequences.ts";
export { StopStrings } from "./stop-strings.ts";
