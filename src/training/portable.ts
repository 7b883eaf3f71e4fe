/** Training: what learns, and the loop around it. What Node and browsers have in common. */

export {
  type Beginning,
  type BeginningOptions,
  type ContinuationOptions,
  newBeginning,
  resumedBeginning,
  startedBeginning,
} from "./beginning.ts";
export { DivergenceError } from "./divergence.ts";
export { growMeasured } from "./growing.ts";
export type { ImmediateGrowth } from "./immediate-growth.ts";
export {
  checkMemory,
  describeMemory,
  forecastMemory,
  largestForecast,
  type MemoryBudget,
  type MemoryForecast,
} from "./memory.ts";
export { Run } from "./run.ts";
export type { RunOptions, RunSink } from "./run-parts.ts";
export { gradientsOf, initialState, type StepResult, siteOf, Trainer, type TrainerOptions } from "./trainer.ts";
export { Validation, type ValidationOptions } from "./validation.ts";
