/** What turns gradients into updates: AdamW, schedules, loss scaling, and the replicas that share the work. */

export {
  type AdamWOptions,
  learned,
  type Optimizer,
  type OptimizerState,
  tensorsOf,
  type Updated,
  type UpdateStep,
} from "./adamw.ts";
export { normOf } from "./kernel-optimizer.ts";
export type { LocalUpdates } from "./local-optimizer.ts";
export { LossScale } from "./loss-scale.ts";
export { createOptimizer } from "./optimizer.ts";
export {
  gradientName,
  gradientsAmong,
  type PassInputs,
  Replicas,
  replicasFor,
  split,
  threadsEach,
} from "./replicas.ts";
export { decayShapeSchema, learningRateAt, type Restart, type ScheduleOptions, scheduleSchema } from "./schedule.ts";
export type { Travel } from "./sharded-optimizer.ts";
