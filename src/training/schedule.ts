/** The learning rate as a pure function of the step. */

import { z } from "zod";

export const scheduleSchema = z.enum(["cosine", "constant", "warmup-stable-decay"]);

export interface ScheduleOptions {
  /** Updates in all. */
  readonly steps: number;
  /** The highest learning rate. */
  readonly learningRate: number;
  /** Where `cosine` and `warmup-stable-decay` end. */
  readonly minimumLearningRate: number;
  readonly schedule: z.infer<typeof scheduleSchema>;
  /** Updates over which the rate rises from zero. */
  readonly warmup: number;
  /** Share of the steps, at the end, over which `warmup-stable-decay` falls. */
  readonly decayFraction: number;
}

/**
 * The learning rate of an update.
 * @param step updates made before: 0 for the first
 * @param rewarm after growth, the rate rises from zero once more
 */
export function learningRateAt(
  step: number,
  options: ScheduleOptions,
  rewarm?: { readonly start: number; readonly steps: number },
): number {
  const again = rewarm === undefined ? 1 : Math.min(1, (step - rewarm.start + 1) / (rewarm.steps + 1));
  if (step < options.warmup) return (again * options.learningRate * (step + 1)) / (options.warmup + 1);
  return again * afterWarmup(step, options);
}

function afterWarmup(step: number, options: ScheduleOptions): number {
  const { steps, learningRate, minimumLearningRate, schedule, warmup, decayFraction } = options;
  const range = learningRate - minimumLearningRate;
  switch (schedule) {
    case "constant":
      return learningRate;
    case "cosine": {
      const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
      return minimumLearningRate + (range * (1 + Math.cos(Math.PI * progress))) / 2;
    }
    case "warmup-stable-decay": {
      const start = steps * (1 - decayFraction);
      const progress = step < start ? 0 : Math.min(1, (step - start) / Math.max(1, steps - start));
      return learningRate - range * progress;
    }
  }
}
