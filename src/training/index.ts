/** Training: what learns, and the loop around it. */

export { freeMemory, memoryLimit } from "./machine-memory.ts";
export * from "./portable.ts";
export { lockRun, withNewRun } from "./run-folder.ts";
export { factsOfData, factsOfKeys } from "./sameness.ts";
export { Run, type TrainOptions, train } from "./train.ts";
