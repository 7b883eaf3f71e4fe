/**
 * `tokenformer/growth`: what becomes of the weights and of the optimiser's state when a model grows or is pruned, and how much its
 * parameter tokens are used. Needs nothing of Node.
 */

export {
  type GenerationUsage,
  type GenerationUse,
  measureUsage,
  type PruneReport,
  pruneMeasured,
  type TokenUse,
  tokenGradientNorms,
  type Usage,
  usageByGeneration,
} from "../analysis/index.ts";
export {
  type AnyModelStrategy,
  type AnyStrategy,
  type AnyTokenStrategy,
  checkPlans,
  defineGrowthStrategy,
  fillInitial,
  type Generation,
  type GrowthPlan,
  grow,
  grownConfig,
  type HostArray,
  isTokenPlan,
  isWidthPlan,
  type ModelGrowth,
  type ModelState,
  type ModelStrategy,
  type Moments,
  type OwnPlan,
  type PruneOptions,
  parseSites,
  prune,
  rampedTau,
  type SiteGrowth,
  siteNames,
  siteNamesOf,
  type TauRamp,
  type TokenPlan,
  type TokenStrategy,
  type TokenWorth,
  type TrainerState,
  tauOf,
  type WidthPlan,
  withoutMoments,
  withRows,
} from "../growth/index.ts";
export { type OptionsSchema, optionsWithDefaults } from "../options.ts";
export type { OwnName } from "../own-names.ts";
export { type GrowthNow, growCheckpoint, growMeasured } from "../training/portable.ts";
