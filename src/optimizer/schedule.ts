/** The learning rate as a pure function of the step. */

import { z } from "zod";

export const scheduleSchema = z.enum(["cosine", "constant", "warmup-stable-decay"]);

/** How `warmup-stable-decay` falls: in a straight line, or by 1 - √ (arXiv 2405.18392), fast at first. */
export const decayShapeSchema = z.enum(["linear", "1-sqrt"]);

export interface ScheduleOptions {
  /** Updates in all. */
  readonly steps: number;
  /** The highest learning rate. */
  readonly learningRate: number;
  /** The rate at which `cosine` and `warmup-stable-decay` end. Default: a tenth of the learning rate, of each phase by its own. */
  readonly minimumLearningRate?: number | undefined;
  readonly schedule: z.infer<typeof scheduleSchema>;
  /** Updates over which the rate rises from zero. */
  readonly warmup: number;
  /** Share of the steps, at the end, over which `warmup-stable-decay` falls. */
  readonly decayFraction: number;
  /** The form of that fall. Default: linear. */
  readonly decayShape?: z.infer<typeof decayShapeSchema>;
  /** The steps at which the schedule begins again, in ascending order. */
  readonly restarts?: readonly Restart[];
}

/** The schedule begins again, and runs to the next restart or to the end of training. */
export interface Restart {
  /** Updates made before. */
  readonly step: number;
  /** The highest learning rate from here on. Default: what it was. */
  readonly learningRate?: number | undefined;
  /** Updates over which the rate rises from zero. Default: as in the first phase. */
  readonly warmup?: number | undefined;
}

/** A schedule without restarts that begins at a step. */
interface Phase
  extends Pick<ScheduleOptions, "steps" | "learningRate" | "schedule" | "warmup" | "decayFraction" | "decayShape"> {
  readonly start: number;
  readonly minimumLearningRate: number;
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
  const phase = phaseAt(step, options);
  return again * rateWithin(step - phase.start, phase);
}

/** The highest learning rate of the phase that an update belongs to, which it has between its warm-up and its fall. */
export function highestRateAt(step: number, options: ScheduleOptions): number {
  return phaseAt(step, options).learningRate;
}

/** The phase that an update belongs to: from the last restart before it to the next one. */
function phaseAt(step: number, options: ScheduleOptions): Phase {
  const { restarts = [], schedule, decayFraction, decayShape = "linear" } = options;
  const past = restarts.filter((restart) => restart.step <= step);
  const last = past.at(-1);
  const start = last?.step ?? 0;
  const end = restarts.find((restart) => restart.step > step)?.step ?? options.steps;
  const learningRate = past.findLast((restart) => restart.learningRate !== undefined)?.learningRate;
  const highest = learningRate ?? options.learningRate;
  return {
    start,
    steps: end - start,
    learningRate: highest,
    minimumLearningRate: options.minimumLearningRate ?? highest / 10,
    schedule,
    warmup: last?.warmup ?? options.warmup,
    decayFraction,
    decayShape,
  };
}

/** The rate after `step` updates of a phase. */
function rateWithin(step: number, phase: Phase): number {
  const { steps, learningRate, minimumLearningRate, schedule, warmup, decayFraction, decayShape } = phase;
  if (step < warmup) return (learningRate * (step + 1)) / (warmup + 1);
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
      return learningRate - range * (decayShape === "1-sqrt" ? Math.sqrt(progress) : progress);
    }
  }
}
