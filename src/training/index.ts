/** Training: AdamW, schedules, the loop, evaluation, checkpoints, metrics. */

export type { AdamWOptions } from "./adamw.ts";
export {
  type Checkpoint,
  type CheckpointSummary,
  checkVocabulary,
  chosenTokenizer,
  completed,
  hasCheckpoint,
  loadCheckpoint,
  loadConfig,
  loadSummary,
  openParameters,
  type Progress,
  readParameters,
  saveCheckpoint,
  saveWeights,
} from "./checkpoint.ts";
export type { OpenedTensors } from "./checkpoint-tensors.ts";
export {
  type Config,
  configSchema,
  FORMAT_VERSION,
  growthPlansOf,
  type ScheduledGrowth,
  scheduledGrowthSchema,
  scheduleOf,
  type TrainingConfig,
  tokenizerSchema,
  trainingSchema,
} from "./config.ts";
export { isCorpus, openCorpus, openTexts, type Texts, tokenizerFor, tokenizerForTexts } from "./data.ts";
export {
  absoluteData,
  type DataFiles,
  type DataSource,
  dataFilesOf,
  EMBEDDED,
  embeddedNames,
  nameOfData,
  type TextReader,
} from "./data-files.ts";
export type * from "./events.ts";
export { type GenerationUsage, type GenerationUse, usageByGeneration } from "./generations.ts";
export { growMeasured } from "./growing.ts";
export { Inference, type TokenBatch, uploadArrays } from "./inference.ts";
export { type MetricRecord, readMetrics } from "./metrics.ts";
export { NEOX_VOCABULARY, type Preset, type PresetName, paperRecipe, presetNames, presets } from "./presets.ts";
export { type PruneReport, pruneMeasured } from "./pruning.ts";
export { learningRateAt, type Restart, type ScheduleOptions } from "./schedule.ts";
export { DivergenceError, Run, type TrainOptions, train } from "./train.ts";
export { initialState, type StepResult, Trainer, type TrainerOptions } from "./trainer.ts";
export { measureUsage, type TokenUse, tokenGradientNorms, type Usage } from "./usage.ts";
