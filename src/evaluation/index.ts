/** Scoring given texts: tasks of several choices, of the last word, and whole texts. */

export { type Question, type TaskType, taskTypes } from "./layouts.ts";
export { isGreedy, Scorer, type ScorerOptions, type SequenceScores } from "./scorer.ts";
export type { Estimate } from "./statistics.ts";
export {
  evaluateTask,
  type MetricName,
  metricNames,
  type TaskMetrics,
  type TaskOptions,
  type TaskResult,
} from "./task.ts";
export { readTask, type TaskFile } from "./task-file.ts";
