/** What turns gradients into updates: AdamW, schedules, loss scaling, and the replicas that share the work. */

export {
  type AdamWOptions,
  learned,
  normOf,
  type Optimizer,
  type OptimizerState,
  tensorsOf,
  type Updated,
  type UpdateStep,
} from "./adamw.ts";
export type { LocalUpdates } from "./local-optimizer.ts";
export { LossScale } from "./loss-scale.ts";
export { createOptimizer } from "./optimizer.ts";
export { gradientName, gradientsAmong, type PassInputs, split } from "./passes.ts";
export type { Replicas } from "./replicas.ts";
export { openReplicas, replicasFor, threadsEach } from "./replication.ts";
export {
  decayShapeSchema,
  highestRateAt,
  learningRateAt,
  type Restart,
  type ScheduleOptions,
  scheduleSchema,
} from "./schedule.ts";
export type { Travel } from "./sharded-optimizer.ts";
