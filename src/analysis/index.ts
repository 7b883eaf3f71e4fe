/** Looking at what a model has learned: the use of its parameter tokens, and pruning by it. */

export { type GenerationUsage, type GenerationUse, usageByGeneration } from "./generations.ts";
export { type PruneReport, pruneMeasured } from "./pruning.ts";
export { measureUsage, type TokenUse, tokenGradientNorms, type Usage } from "./usage.ts";
