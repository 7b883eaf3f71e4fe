/** Checkpoints and metrics: what is kept of a run, and how it is read again. What Node and browsers have in common. */

export { type CheckpointFolder, parseCheckpoint } from "./checkpoint-read.ts";
export {
  CHECKPOINT_FILES,
  type Checkpoint,
  type CheckpointSummary,
  type Progress,
  withoutPart,
  withState,
} from "./checkpoint-schema.ts";
export { type OpenedTensors, readTensors } from "./checkpoint-tensors.ts";
export { checkpointFiles } from "./checkpoint-write.ts";
export { type LearningPart, learningIn, learnsOf, skillOriginSchema } from "./learning-part.ts";
export { METRICS, type MetricRecord, metricRecord } from "./metric-records.ts";
