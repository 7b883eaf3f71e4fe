/** Training: AdamW, schedules, the loop, evaluation, checkpoints, metrics. */

export {
  chosenTokenizer,
  hasCheckpoint,
  loadCheckpoint,
  loadConfig,
  loadSummary,
  type OpenedCheckpoint,
  openCheckpoint,
  saveCheckpoint,
  saveWeights,
} from "./checkpoint.ts";
export { broken, isCorpus, openCorpus, openTexts, readJoined, type Texts, tokenizerForTexts } from "./data.ts";
export {
  absoluteData,
  describeFolders,
  EMBEDDED,
  embeddedNames,
  nearestBeside,
  type TextReader,
} from "./data-files.ts";
export { freeMemory, memoryLimit } from "./machine-memory.ts";
export { parseMetrics, readMetrics, readMetricsUpTo } from "./metrics.ts";
export * from "./portable.ts";
export { lockRun, withNewRun } from "./run-folder.ts";
export { factsOfData, factsOfKeys } from "./sameness.ts";
export { Run, type TrainOptions, train } from "./train.ts";
