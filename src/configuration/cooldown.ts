/** Cooldown branches: a run that ends with a falling learning rate, from any step of one whose rate is constant. */

import { UserError } from "../errors.ts";
import { highestRateAt, learningRateAt } from "../optimizer/index.ts";
import { type Config, exchangeComplaint, growthPlansOf, scheduleOf } from "./config.ts";

/** Updates of a cooldown: so many, or a share, above 0 and below 1, of all updates at its end. */
export type CooldownLength = { readonly updates: number } | { readonly share: number };

/** Where a run stands that is cooled down. */
export interface CooldownStart {
  /** The run's own configuration. */
  readonly trunk: Config;
  /** Updates made. */
  readonly step: number;
  /** Growth plans that have been applied; those to come are not the branch's. */
  readonly growthsDone: number;
  /** The rise of the rate after a growth, where one is under way or was. */
  readonly rewarm?: { readonly start: number; readonly steps: number } | undefined;
  /** What messages call the run. */
  readonly where: string;
}

/** Rates that differ by less, as a share, are equal but for rounding: of the root of what rounding makes of 0. */
const TOLERANCE = 1e-6;

/** Share of all updates, where nothing is said: what arXiv 2405.18392 recommends. */
export const COOLDOWN_SHARE = 0.2;

/**
 * The configuration of a branch that goes on from a run, its rate falling from what it is there by 1 - √ to 0 (arXiv 2405.18392).
 * It is the end of the run that has `warmup-stable-decay` from its beginning, bit for bit, so that one trunk serves many lengths.
 * It grows no more: its growth is what the run has applied.
 * @param config of the branch but for its length, schedule and growth
 * @param length a share is rounded to where ranks exchange their updates
 * @throws UserError where the run's learning rate is not at its highest there: warming up, or falling already, and where so many
 * updates do not end at an exchange
 */
export function cooldownOf(config: Config, start: CooldownStart, length: CooldownLength): Config {
  const { trunk, step, growthsDone, rewarm, where } = start;
  const steps = lastStepOf(config, step, length);
  const updates = steps - step;
  const growth = growthPlansOf(trunk).slice(0, growthsDone);
  // The share is of the phase that the step belongs to: the schedule may have begun again with a growth.
  const phaseStart = growth.findLast(({ restart }) => restart)?.step ?? 0;
  const training: Config["training"] = {
    ...config.training,
    steps,
    schedule: "warmup-stable-decay",
    decayFraction: updates / (steps - phaseStart),
    decayShape: "1-sqrt",
    minimumLearningRate: 0,
  };
  const cooled = { ...config, training, growth };
  const schedule = scheduleOf(cooled);
  const highest = highestRateAt(step, schedule);
  // The branch's own too: its warm-up may be longer than the run's was.
  const rates = [scheduleOf(trunk), schedule].map((options) => learningRateAt(step, options, rewarm));
  const other = rates.find((rate) => Math.abs(rate - highest) > TOLERANCE * highest);
  if (step === 0 || other !== undefined) {
    throw new UserError(
      `${where}: its learning rate is ${(other ?? highest).toPrecision(3)} at step ${step}, not the highest, ${highest.toPrecision(3)}; a cooldown begins where the rate is constant: train with training.schedule=constant past the warm-up, and keep training.learningRate and training.warmup`,
    );
  }
  return cooled;
}

/** The step at which a cooldown ends. */
function lastStepOf({ training }: Config, step: number, length: CooldownLength): number {
  const { localSteps } = training;
  const first = (Math.floor(step / localSteps) + 1) * localSteps;
  const nearest = (wanted: number) => Math.max(first, Math.round(wanted / localSteps) * localSteps);
  if ("share" in length) return nearest(step / (1 - length.share));
  const steps = step + length.updates;
  const complaint = exchangeComplaint(steps, training);
  if (complaint === undefined) return steps;
  throw new UserError(
    `the last step of a cooldown of ${length.updates} updates from step ${step} ${complaint}; make ${nearest(steps) - step} updates`,
  );
}
