/** The study `frontier`: does one run that grows trace the compute-optimal frontier of models from scratch? */

export {
  type CompleteFrontier,
  type FrontierArm,
  type FrontierConfig,
  frontierArms,
  frontierPreset,
  frontierSchema,
} from "./config.ts";
export { type Document, type DocumentLoss, documentLosses, documentsOf } from "./documents.ts";
export { costAt, type FrontierCost, type MadePart, paceOf, sumOf } from "./estimate.ts";
export { type Difference, difference, familySaving, gapAt, type Saving, splitOfGain } from "./metrics.ts";
export { type Branch, type FrontierPlan, planFrontier, type Track } from "./plan.ts";
export { type FrontierResults, meanLoss, type Point, type Rung, type Tuning } from "./results.ts";
export { type FrontierCircumstances, frontierResults, rungsOf } from "./results-of-outcome.ts";
export type { Maker, Place, Work } from "./run.ts";
export { studentHalfWidth } from "./student.ts";
export {
  type FrontierOptions,
  type FrontierOutcome,
  type FrontierSurvey,
  runFrontier,
  surveyFrontier,
} from "./study.ts";
