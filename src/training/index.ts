/** Training: AdamW, schedules, the loop, evaluation, checkpoints, metrics. */

export type { AdamWOptions } from "./adamw.ts";
export {
  type Checkpoint,
  completed,
  hasCheckpoint,
  loadCheckpoint,
  loadConfig,
  type Progress,
  saveCheckpoint,
} from "./checkpoint.ts";
export { type Config, configSchema, FORMAT_VERSION, type TrainingConfig, trainingSchema } from "./config.ts";
export { EMBEDDED, openCorpus } from "./data.ts";
export type * from "./events.ts";
export { growOnDevice } from "./growing.ts";
export { type MetricRecord, readMetrics } from "./metrics.ts";
export { learningRateAt } from "./schedule.ts";
export { Run, type TrainOptions, train } from "./train.ts";
export { initialState, type StepResult, type TokenBatch, Trainer, type TrainerOptions } from "./trainer.ts";
