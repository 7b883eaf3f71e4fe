/** Growing: appending parameter tokens to a model's weights and optimiser state, or widening it. */

export { tauOf } from "./append.ts";
export { checkPlans, grow, mismatch } from "./grow.ts";
export {
  type GrowthPlan,
  growthPlanSchema,
  isWidthPlan,
  parseSites,
  planComplaint,
  siteNames,
  type TokenPlan,
  tokenPlanSchema,
  type WidthPlan,
  widthPlanSchema,
} from "./plan.ts";
export {
  advanceRamps,
  type Generation,
  type HostArray,
  type ModelState,
  type Moments,
  rampedTau,
  type TauRamp,
  type TrainerState,
} from "./state.ts";
