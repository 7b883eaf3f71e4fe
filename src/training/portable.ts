/** Training: what Node and browsers have in common. */

export type { AdamWOptions } from "./adamw.ts";
export {
  type Beginning,
  type BeginningOptions,
  type ContinuationOptions,
  newBeginning,
  resumedBeginning,
  startedBeginning,
} from "./beginning.ts";
export { parseCheckpoint } from "./checkpoint-read.ts";
export { CHECKPOINT_FILES, type Checkpoint, type CheckpointSummary, type Progress } from "./checkpoint-schema.ts";
export type { OpenedTensors } from "./checkpoint-tensors.ts";
export { checkpointFiles } from "./checkpoint-write.ts";
export {
  type Config,
  configSchema,
  FORMAT_VERSION,
  growthPlansOf,
  microBatchOf,
  type ScheduledGrowth,
  scheduledGrowthSchema,
  scheduleOf,
  type TrainingConfig,
  tokenizerSchema,
  trainingSchema,
} from "./config.ts";
export { type DataFiles, type DataSource, dataFilesOf, nameOfData } from "./data-names.ts";
export { DivergenceError } from "./divergence.ts";
export type * from "./events.ts";
export { type GenerationUsage, type GenerationUse, usageByGeneration } from "./generations.ts";
export { growMeasured } from "./growing.ts";
export type { ImmediateGrowth } from "./immediate-growth.ts";
export { Inference, type TokenBatch, uploadArrays } from "./inference.ts";
export {
  checkMemory,
  describeMemory,
  forecastMemory,
  largestForecast,
  type MemoryBudget,
  type MemoryForecast,
} from "./memory.ts";
export { METRICS, type MetricRecord, metricRecord } from "./metric-records.ts";
export { NEOX_VOCABULARY, type Preset, type PresetName, paperRecipe, presetNames, presets } from "./presets.ts";
export { type PruneReport, pruneMeasured } from "./pruning.ts";
export { replicasFor } from "./replicas.ts";
export { Run } from "./run.ts";
export type { RunOptions, RunSink } from "./run-parts.ts";
export { learningRateAt, type Restart, type ScheduleOptions } from "./schedule.ts";
export { gradientsOf, initialState, type StepResult, Trainer, type TrainerOptions } from "./trainer.ts";
export { measureUsage, type TokenUse, tokenGradientNorms, type Usage } from "./usage.ts";
export { Validation, type ValidationOptions } from "./validation.ts";
export { checkVocabulary, completed } from "./vocabulary.ts";
export { warningsOf } from "./warnings.ts";
