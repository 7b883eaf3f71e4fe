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
export { type LearningOptions, recordsCorpus } from "./document-tokens.ts";
export { type LossPart, lossParts } from "./loss-parts.ts";
export { type PlacedRecord, type Record, recordsIn, textOfRecord } from "./records.ts";
export { checkVocabulary, modelWithVocabulary } from "./vocabulary.ts";
