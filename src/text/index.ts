/** Texts as tokens: tokenizers, corpora, token files and batches. */

export { embeddedAddresses } from "./addresses.ts";
export { type Book, embeddedBook } from "./book.ts";
export * from "./portable.ts";
export { decodeText, readText, readTextPieces } from "./text-file.ts";
export {
  headerName,
  openTokenFile,
  type TokenFileExpectations,
  type TokenFileHeader,
  type TokenFileOptions,
  tokenizerName,
  writeTokenFile,
} from "./token-file.ts";
export { readTokenizer, settingsName } from "./tokenizer-file.ts";
