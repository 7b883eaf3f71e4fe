/** From what a user names to a corpus. */

export { broken, isCorpus, openCorpus, openTexts, readJoined, type Texts, tokenizerForTexts } from "./data.ts";
export {
  absoluteData,
  describeFolders,
  EMBEDDED,
  embeddedNames,
  nearestBeside,
  type TextReader,
} from "./data-files.ts";
export * from "./portable.ts";
