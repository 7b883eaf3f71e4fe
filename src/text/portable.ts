/** Texts as tokens: what Node and browsers have in common. */

export { Random } from "../random.ts";
export {
  type Batch,
  type ConsecutiveBatchOptions,
  consecutiveBatches,
  hasDocuments,
  type RandomBatchOptions,
  randomBatch,
  requireTokens,
  sequencesPerPass,
} from "./batches.ts";
export { type BytePairOptions, countWords, trainBytePairEncoding, type WordCounts } from "./byte-pair-encoding.ts";
export { type CharacterOptions, CharacterTokenizer, UnknownCharacterError } from "./character-tokenizer.ts";
export { ChatTemplate, chatTemplateOf, type Message, plainTemplate, roles, type TurnEnd } from "./chat-template.ts";
export {
  type Corpus,
  checkCorpus,
  closeCorpus,
  createCorpus,
  joinTexts,
  learnedBytes,
  measureBytes,
  type Split,
  splitCorpus,
} from "./corpus.ts";
export { type DocumentSource, type Documents, longDocuments } from "./documents.ts";
export { extendedTokenizer, isExtension } from "./extended.ts";
export { JsonTokenizer } from "./json-tokenizer.ts";
export { loadTokenizer } from "./load-tokenizer.ts";
export { type Boundary, divided, NOWHERE, type TextPiece, wordBoundary } from "./pieces.ts";
export { beginningOfText, endOfText, type SpecialToken, specialTokens } from "./special-tokens.ts";
export { StreamDecoder } from "./stream-decoder.ts";
export { longestTokenBytes, utf8Length } from "./token-length.ts";
export { joinTokens, memoryTokens, sliceTokens, type TokenSource } from "./token-source.ts";
export type { Tokenizer } from "./tokenizer.ts";
export { hashTokenizer } from "./tokenizer-hash.ts";
export { readSettings, SETTINGS, type TokenizerSettings, withSettings } from "./tokenizer-settings.ts";
