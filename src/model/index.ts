/** The models, each written once as a pure function of parameters and tokens. */

export {
  type BigramConfig,
  type CompleteModelConfig,
  generationSchema,
  hasBlocks,
  isOwn,
  layerCount,
  type ModelConfig,
  modelSchema,
  type Parametrisation,
  parametrisations,
  rotaryChannels,
  type SiteKind,
  siteKinds,
  type TokenFormerConfig,
  type TransformerConfig,
} from "./config.ts";
export { countByGroup, type ParameterCounts } from "./counts.ts";
export * from "./model.ts";
export {
  defineModel,
  type ModelDefinition,
  type ModelSizes,
  type OwnModelConfig,
  ownModels,
  type SiteDeclaration,
} from "./own.ts";
export {
  embeddingSetup,
  type NormalSetup,
  type SiteSetup,
  siteSetup,
  type WeightName,
  weightSetup,
} from "./parametrisation.ts";
export { type QuantizationName, quantizationNames, quantizationOf } from "./quantization.ts";
export type { TauRule } from "./record.ts";
export type { Site } from "./site.ts";
export {
  type GenerationSizes,
  generationPath,
  generationSites,
  sitePath,
  sitesOf,
  type TokenFormerSite,
} from "./sites.ts";
export {
  GATES,
  type GatedGenerations,
  gateInput,
  type Traced,
  type TracedWithCache,
  type TraceOptions,
  traceModel,
  traceWithCache,
  traceWithPresent,
  vocabularyOf,
} from "./trace.ts";
export { transformer } from "./transformer.ts";
