/** Checkpoints and metrics: what is kept of a run, and how it is read again. */

export {
  checkpointVersion,
  chosenTokenizer,
  dataOf,
  hasCheckpoint,
  hasOptimizerFile,
  loadCheckpoint,
  loadConfig,
  loadPart,
  loadSummary,
  type OpenedCheckpoint,
  openCheckpoint,
  saveCheckpoint,
  saveWeights,
} from "./checkpoint.ts";
export { MetricsFile, parseMetrics, readMetrics, readMetricsUpTo } from "./metrics.ts";
export * from "./portable.ts";
