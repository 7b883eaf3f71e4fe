/** Training: what learns, and the loop around it. */

export { FolderMetrics } from "./folder-metrics.ts";
export { type GrowRunOptions, growRun } from "./grow-run.ts";
export { changeOfData, knownData } from "./known-data.ts";
export { freeMemory, memoryLimit } from "./machine-memory.ts";
export { openRun, type TrainOptions, train } from "./open-run.ts";
export * from "./portable.ts";
export { bytesAnUpdate } from "./ranks.ts";
export { lockRun, withNewRun } from "./run-folder.ts";
export { factsOfData, factsOfKeys, requireSameOptions } from "./sameness.ts";
export { growthGoingOn } from "./start.ts";
