/** Growing: appending parameter tokens to a model's weights and optimiser state, widening it; dropping tokens. */

export { checkPlans, grow, grownConfig, mismatch } from "./grow.ts";
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
export { type PruneOptions, prune, type TokenWorth } from "./prune.ts";
export {
  advanceRamps,
  type Generation,
  type HostArray,
  type ModelState,
  type Moments,
  rampedTau,
  type TauRamp,
  type TrainerState,
  withoutMoments,
} from "./state.ts";
export { tauOf } from "./tau.ts";
