/** From what a user names to a corpus. */

export { type CorpusOptions, isCorpus, openCorpus, openTexts } from "./data.ts";
export { contentChange, contentOf, piecesOf } from "./data-content.ts";
export { absoluteData, describeFolders, EMBEDDED, embeddedNames, nearestBeside } from "./data-files.ts";
export * from "./portable.ts";
export type { TextSource } from "./text-sources.ts";
export {
  type DataProgress,
  encodedTexts,
  joinedText,
  type MakingOptions,
  type OnProgress,
  type Texts,
  tokenizerForTexts,
} from "./tokenizing.ts";
