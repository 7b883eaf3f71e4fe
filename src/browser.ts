/**
 * Train, grow and run TokenFormer language models in a browser, on ONNX Runtime's WebAssembly or WebGPU: what of the package
 * needs no Node. For a web worker, as training would stop a page.
 *
 * The same names as in Node, but for what has to do with files: corpora come from texts in memory, and checkpoints are files in
 * memory. `tokenformer/tensor`, `/nn`, `/model` and `/growth` work here too.
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
  type CheckpointSummary,
  checkpointFiles,
  type LearningPart,
  type MetricRecord,
  parseCheckpoint,
} from "./checkpoint/portable.ts";
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
  scheduleOf,
  type TrainingConfig,
  type TrainingEvent,
  type ValidationEvent,
  warningsOf,
} from "./configuration/index.ts";
export {
  type LearningOptions,
  type PlacedRecord,
  recordsCorpus,
  recordsIn,
  textOfRecord,
} from "./data/portable.ts";
export { messageOf, UserError } from "./errors.ts";
export {
  Decoder,
  type DecoderOptions,
  type GenerateOptions,
  generate,
  openSequences,
  type ReplyOptions,
  reply,
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
export { Inference, type TokenBatch, uploadArrays } from "./inference/index.ts";
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
export { learningRateAt } from "./optimizer/index.ts";
export { type OptionsSchema, optionsWithDefaults } from "./options.ts";
export { Random } from "./random.ts";
export {
  BreakdownError,
  type Device,
  DeviceLostError,
  openDevice,
  type WebDeviceName,
  type WebDeviceOptions,
  webDeviceNames,
} from "./runtime/web.ts";
export {
  adaptation,
  attachSkills,
  parseSkill,
  type Skill,
  type SkillPlan,
  skillFiles,
  skillOf,
} from "./skills/portable.ts";
export {
  CharacterTokenizer,
  type Corpus,
  chatTemplateOf,
  consecutiveBatches,
  createCorpus,
  JsonTokenizer,
  loadTokenizer,
  type Message,
  memoryTokens,
  randomBatch,
  StreamDecoder,
  splitCorpus,
  type Tokenizer,
  type TokenSource,
  trainBytePairEncoding,
  UnknownCharacterError,
} from "./text/portable.ts";
export {
  type ContinueOptions,
  DivergenceError,
  forecastMemory,
  type GrowthNow,
  growCheckpoint,
  initialState,
  type MemoryForecast,
  Run,
  type RunInput,
  type RunPlace,
  type RunStart,
  Trainer,
} from "./training/portable.ts";
