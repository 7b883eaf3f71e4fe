/** Growing: appending parameter tokens to a model's weights and optimiser state, widening it; dropping tokens. */

export { checkPlans, grow, grownConfig, growthSummary, planMismatch } from "./grow.ts";
export { CHANNELS, channelGenerations, hasChannelColumns } from "./net2net.ts";
export {
  type GrowthPlan,
  growthPlanSchema,
  isTokenPlan,
  isWidthPlan,
  type OwnPlan,
  ownPlanSchema,
  parseSites,
  planComplaint,
  siteNames,
  siteNamesOf,
  type TokenPlan,
  tokenPlanSchema,
  type WidthPlan,
  widthPlanSchema,
  withModelDefaults,
} from "./plan.ts";
export { type PruneOptions, prune, type TokenWorth } from "./prune.ts";
export {
  advanceRamps,
  fillInitial,
  type Generation,
  type HostArray,
  type ModelState,
  type Moments,
  rampedTau,
  type TauRamp,
  type TrainerState,
  withoutMoments,
  withRows,
} from "./state.ts";
export { strategyOf } from "./strategies.ts";
export {
  type AnyModelStrategy,
  type AnyStrategy,
  type AnyTokenStrategy,
  defineGrowthStrategy,
  type ModelGrowth,
  type ModelStrategy,
  ownStrategies,
  type SiteGrowth,
  type TokenStrategy,
} from "./strategy.ts";
export { tauOf } from "./tau.ts";
export { VOCABULARY_TABLES, widenVocabulary } from "./vocabulary.ts";
