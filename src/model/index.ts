/** The models, each written once as a pure function of parameters and tokens. */

export {
  type BigramConfig,
  type Complete,
  type ModelConfig,
  modelSchema,
  rotaryChannels,
  type SiteKind,
  siteKinds,
  type TokenFormerConfig,
  type TransformerConfig,
} from "./config.ts";
export * from "./model.ts";
export { type QuantizationName, quantizationNames, quantizationOf } from "./quantization.ts";
export { type Site, sitePath, sitesOf, withSites } from "./sites.ts";
export { valueDeviation } from "./tokenformer.ts";
