/** Studies: does training by sequentially adding key–value parameter tokens pay? */

export { type Cell, cellConfig, checkGrowth } from "./cells.ts";
export {
  type ArmId,
  armIds,
  type QuestionId,
  questionIds,
  type StudyConfig,
  studyModelSchema,
  studySchema,
} from "./config.ts";
export {
  type Cost,
  costLeft,
  costOf,
  measureSpeed,
  plannedRuns,
  runCost,
  type Speed,
  secondsOf,
  speedFor,
} from "./estimate.ts";
export { type CompleteStudy, flopsPerStep, matchingWidth, tokenFormerOf, transformerOf } from "./models.ts";
export { cellsOf, planStudy, type StudyPlan } from "./plan.ts";
export { Pool } from "./pool.ts";
export { type StudyPresetName, studyPresets } from "./presets.ts";
export type * from "./results.ts";
export { type Circumstances, studyResults } from "./results-of-outcome.ts";
export { describeStages } from "./sizes.ts";
export { runStudy, runsDone, type StudyEvent, type StudyOptions, type StudyOutcome, TUNING_SEED } from "./study.ts";
export { onceFree } from "./taken.ts";
