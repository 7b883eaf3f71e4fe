/** Texts as tokens: tokenizers, corpora, token files and batches. */

export { Random } from "../random.ts";
export { embeddedAddresses } from "./addresses.ts";
export {
  type Batch,
  type ConsecutiveBatchOptions,
  consecutiveBatches,
  type RandomBatchOptions,
  randomBatch,
  requireTokens,
  sequencesPerPass,
} from "./batches.ts";
export { type Book, embeddedBook } from "./book.ts";
export { type BytePairOptions, trainBytePairEncoding } from "./byte-pair-encoding.ts";
export { type CharacterOptions, CharacterTokenizer } from "./character-tokenizer.ts";
export {
  type Corpus,
  checkCorpus,
  createCorpus,
  joinTexts,
  measureBytesPerToken,
  readText,
  type Split,
  splitCorpus,
} from "./corpus.ts";
export { JsonTokenizer } from "./json-tokenizer.ts";
export { beginningOfText, endOfText, type SpecialToken } from "./special-tokens.ts";
export {
  openTokenFile,
  type TokenFileExpectations,
  type TokenFileHeader,
  type TokenFileOptions,
  writeTokenFile,
} from "./token-file.ts";
export { joinTokens, memoryTokens, sliceTokens, type TokenSource } from "./token-source.ts";
export { hashTokenizer, loadTokenizer, readTokenizer, StreamDecoder, type Tokenizer } from "./tokenizer.ts";
