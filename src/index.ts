/**
 * Train, grow and run TokenFormer language models on ONNX Runtime: what most programs need.
 *
 * In the order in which they need it: a configuration; text; a run, which trains and grows; what is kept of it; writing and scoring;
 * published checkpoints. What these are made of is in `tokenformer/tensor`, `/nn`, `/model`, `/growth`, `/text`, `/training` and
 * `/formats`; reports, studies and benchmarks, whose plots take time to load, in `/report`, `/study` and `/benchmark`.
 */

export {
  type GenerationUse,
  measureUsage,
  type PruneReport,
  pruneMeasured,
  type Usage,
  usageByGeneration,
} from "./analysis/index.ts";
export {
  type Checkpoint,
  hasCheckpoint,
  loadCheckpoint,
  type MetricRecord,
  readMetrics,
  saveCheckpoint,
} from "./checkpoint/index.ts";
export {
  type CheckpointEvent,
  type Config,
  type ConfigInput,
  configFaults,
  type EndEvent,
  type GrowthEvent,
  type GrowthReport,
  type PresetName,
  paperRecipe,
  parseConfig,
  parseGrowthPlan,
  parseModel,
  presetNames,
  presets,
  type RunConfig,
  type ScheduledGrowth,
  type StartEvent,
  type StepEvent,
  type TrainingConfig,
  type TrainingEvent,
  type ValidationEvent,
  warningsOf,
} from "./configuration/index.ts";
export { type DataSource, openCorpus } from "./data/index.ts";
export { messageOf, UserError } from "./errors.ts";
export {
  evaluateTask,
  readTask,
  Scorer,
  type ScorerOptions,
  type SequenceScores,
  type TaskResult,
} from "./evaluation/index.ts";
export {
  Decoder,
  type DecoderOptions,
  type GenerateOptions,
  generate,
  openSequences,
  type SamplingOptions,
  type Sequences,
  windowed,
  write,
} from "./generation/index.ts";
export {
  defineGrowthStrategy,
  type GrowthPlan,
  grow,
  type HostArray,
  type ModelState,
  type TokenPlan,
  type TrainerState,
  type WidthPlan,
} from "./growth/index.ts";
export { Inference, type TokenBatch } from "./inference/index.ts";
export {
  type CompleteModelConfig,
  countParameters,
  defineModel,
  forwardFlops,
  type ModelConfig,
  modelOf,
  type SiteKind,
  trainingFlopsPerToken,
} from "./model/index.ts";
export { type OptionsSchema, optionsWithDefaults } from "./options.ts";
export {
  type ExportOptions,
  exportCheckpoint,
  exportOnnx,
  type ImportOptions,
  importCheckpoint,
  type OnnxExportOptions,
} from "./published/index.ts";
export { Random } from "./random.ts";
export { BreakdownError, type Device, type DeviceName, deviceNames, openDevice } from "./runtime/index.ts";
export {
  CharacterTokenizer,
  type Corpus,
  createCorpus,
  embeddedBook,
  loadTokenizer,
  memoryTokens,
  randomBatch,
  readTokenizer,
  splitCorpus,
  type Tokenizer,
  type TokenSource,
  trainBytePairEncoding,
} from "./text/index.ts";
export {
  type ContinueOptions,
  DivergenceError,
  forecastMemory,
  type GrowRunOptions,
  type GrowthNow,
  growCheckpoint,
  growRun,
  initialState,
  type MemoryForecast,
  openRun,
  Run,
  type RunInput,
  type RunPlace,
  Trainer,
  type TrainOptions,
  train,
} from "./training/index.ts";
