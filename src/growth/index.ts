/** Growing: appending parameter tokens to a model's weights and optimiser state. */

export { checkPlans, grow, tauOf } from "./grow.ts";
export { type GrowthPlan, growthPlanSchema, parseSites, siteNames } from "./plan.ts";
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
