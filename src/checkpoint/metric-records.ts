/** What is recorded of a run: the lines of `metrics.jsonl`. */

import { z } from "zod";
import type { TrainingEvent } from "../configuration/index.ts";

/** The file of them, in the folder of a run. */
export const METRICS = "metrics.jsonl";

export const metricSchema = z.looseObject({ step: z.number() });

export type MetricRecord = z.infer<typeof metricSchema>;

/** The record of an event. Growth, steps and validations are recorded; what happens to files is not. */
export function metricRecord(event: TrainingEvent): MetricRecord | undefined {
  switch (event.type) {
    case "step":
    case "validation": {
      const { type: _, ...record } = event;
      return record;
    }
    case "growth": {
      const { type: _, step, ...growth } = event;
      return { step, growth };
    }
    default:
      return undefined;
  }
}

/** Records as such a file has them. */
export function linesOf(records: readonly MetricRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join("");
}
