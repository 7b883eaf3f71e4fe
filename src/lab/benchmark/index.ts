/** How fast this machine trains: steps, their limit, growth, start-up and scaling. */

export {
  type BenchmarkOptions,
  type BenchmarkPart,
  benchmarkParts,
  deviceParts,
  type Measurements,
  runBenchmark,
} from "./benchmark.ts";
export type { StepComparison, StepRow } from "./compare.ts";
export { type Curve, type CurvesFigure, curvesFigure } from "./curves.ts";
export { ownInstructions } from "./instructions.ts";
export type { Multiplier } from "./limits.ts";
export { type BenchmarkReport, benchmarkMarkdown, type Circumstances, comparisonMarkdown } from "./markdown.ts";
export { openPeer, type Peer } from "./peer.ts";
export type { CountedProduct } from "./products.ts";
export { type PeerOptions, peerSide, type Side } from "./sides.ts";
export { batchesOf, stateOf, type Work, type WorkModel, type WorkName, workModels, workNames, workOf } from "./work.ts";
export { writeBenchmark } from "./write.ts";
