/** Skills: parameter tokens in files of their own, trained beside a model and attached to it. */

export { type AdaptOptions, openAdaptation, type ResumeAdaptationOptions, resumeAdaptation } from "./adapt-run.ts";
export { type MergeOptions, mergeSkills } from "./merge.ts";
export { type AttachedCheckpoint, openAttached } from "./open-attached.ts";
export * from "./portable.ts";
export { hasSkill, hasUnfinished, loadSkill, loadUnfinished, unfinishedIn } from "./skill-folder.ts";
