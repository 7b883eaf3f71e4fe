/** Training: what learns, and the loop around it. What Node and browsers have in common. */

export { gradientsOf } from "./gradient-program.ts";
export { growCheckpoint, growMeasured } from "./growing.ts";
export type { GrowthNow } from "./growth-now.ts";
export { initialState } from "./initial-state.ts";
export {
  checkMemory,
  checkMemoryOfPart,
  describeMemory,
  forecastMemory,
  largestForecast,
  type MemoryBudget,
  type MemoryForecast,
} from "./memory.ts";
export { Run } from "./run.ts";
export type { RunPlace } from "./run-place.ts";
export type { RunSink } from "./sink.ts";
export { DivergenceError } from "./soundness.ts";
export { type ContinueOptions, NO_PROGRESS, newStart, type RunInput, type RunStart, withKept } from "./start.ts";
export { type StepResult, siteOf, Trainer } from "./trainer.ts";
export type { TrainerOptions } from "./trainer-options.ts";
export { Validation, type ValidationOptions } from "./validation.ts";
