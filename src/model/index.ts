/** The models, each written once as a pure function of parameters and tokens. */

export {
  type BigramConfig,
  type Complete,
  type ModelConfig,
  modelSchema,
  parametrisations,
  rotaryChannels,
  type SiteKind,
  siteKinds,
  type TokenFormerConfig,
  type TransformerConfig,
} from "./config.ts";
export * from "./model.ts";
export {
  embeddingSetup,
  type NormalSetup,
  type SiteSetup,
  siteSetup,
  type WeightName,
  weightSetup,
} from "./parametrisation.ts";
export { type QuantizationName, quantizationNames, quantizationOf } from "./quantization.ts";
export { type Site, sitePath, sitesOf, withSites } from "./sites.ts";
