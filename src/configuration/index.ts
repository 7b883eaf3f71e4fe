/** What a run is told, and what it tells: its configuration, presets and events. */

export {
  type Config,
  type ConfigInput,
  configSchema,
  exchangeComplaint,
  FORMAT_VERSION,
  growthPlansOf,
  microBatchOf,
  type RunConfig,
  type ScheduledGrowth,
  scheduledGrowthSchema,
  scheduleOf,
  type TrainingConfig,
  tokenizerSchema,
  trainingSchema,
} from "./config.ts";
export { COOLDOWN_SHARE, type CooldownLength, type CooldownStart, cooldownOf } from "./cooldown.ts";
export type {
  CheckpointEvent,
  EndEvent,
  GrowthEvent,
  GrowthReport,
  StartEvent,
  StepEvent,
  TrainingEvent,
  ValidationEvent,
} from "./events.ts";
export { configFaults, parseBy, parseConfig, parseGrowthPlan, parseModel } from "./parse.ts";
export { NEOX_VOCABULARY, type Preset, type PresetName, paperRecipe, presetNames, presets } from "./presets.ts";
export { warningsOf } from "./warnings.ts";
