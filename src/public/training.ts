/**
 * `tokenformer/training`: what runs are made of, for loops of one's own: devices and weights on them, trainers, schedules, evaluation,
 * memory, checkpoints and ranks. For Node.
 */

export {
  type Checkpoint,
  type CheckpointSummary,
  checkpointFiles,
  chosenTokenizer,
  hasCheckpoint,
  loadCheckpoint,
  loadConfig,
  loadSummary,
  type MetricRecord,
  type OpenedCheckpoint,
  openCheckpoint,
  type Progress,
  parseCheckpoint,
  readMetrics,
  saveCheckpoint,
  saveWeights,
} from "../checkpoint/index.ts";
export {
  type Communicator,
  gatherNumbers,
  inProcessCommunicators,
  joinRanks,
  Ranks,
  sharedArray,
  type WireType,
} from "../cluster/index.ts";
export { type Config, growthPlansOf, scheduleOf, type TrainingConfig } from "../configuration/index.ts";
export {
  downloadArrays,
  Inference,
  lossOf,
  type Tensors,
  type TokenBatch,
  tracedLoss,
  uploadArrays,
} from "../inference/index.ts";
export {
  type AdamWOptions,
  createOptimizer,
  learningRateAt,
  type Optimizer,
  type OptimizerState,
  type Restart,
  type ScheduleOptions,
  type UpdateStep,
} from "../optimizer/index.ts";
export {
  BreakdownError,
  type CompileOptions,
  Device,
  type DeviceName,
  type DeviceOptions,
  type DeviceTensor,
  deviceNames,
  type HostData,
  type HostTensor,
  openDevice,
  type Program,
  type RunOutputs,
  requireHalfProducts,
} from "../runtime/index.ts";
export {
  type Adaptation,
  type AdaptOptions,
  adaptation,
  attachSkills,
  loadSkill,
  mergeSkills,
  openAdaptation,
  openAttached,
  parseSkill,
  type Skill,
  type SkillPlan,
  skillFiles,
} from "../skills/index.ts";
export {
  checkMemory,
  DivergenceError,
  describeMemory,
  forecastMemory,
  gradientsOf,
  initialState,
  type MemoryBudget,
  type MemoryForecast,
  memoryLimit,
  type RunSink,
  type StepResult,
  Trainer,
  type TrainerOptions,
  Validation,
  type ValidationOptions,
} from "../training/index.ts";
