/** From what a user names to a corpus. What Node and browsers have in common. */

export {
  type DataContent,
  type DataFiles,
  type DataReading,
  type DataSource,
  dataContentSchema,
  dataFilesOf,
  dataFilesSchema,
  nameOfData,
} from "./data-names.ts";
export { type LossPart, lossParts } from "./loss-parts.ts";
export { checkVocabulary, modelWithVocabulary } from "./vocabulary.ts";
