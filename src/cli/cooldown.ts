/** The option `--cooldown`: a branch of a run, with a falling learning rate. */

import type { CheckpointSummary } from "../checkpoint/portable.ts";
import { COOLDOWN_SHARE, type Config, type CooldownLength, cooldownOf } from "../configuration/index.ts";
import { UserError } from "../errors.ts";
import { sameJson } from "../formats/index.ts";
import { note } from "./output.ts";

/** The keys that a cooldown decides. */
const KEYS = ["steps", "schedule", "decayFraction", "decayShape", "minimumLearningRate"] as const;

/** The length of a cooldown: "20%" of all updates at its end, or a number of updates. Nothing: 20%. Throws a `UserError` for anything else. */
export function cooldownLength(text: string | true): CooldownLength {
  if (text === true) return { share: COOLDOWN_SHARE };
  const [, digits = "", percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim()) ?? [];
  const number = Number(digits);
  if (percent === "%" && number > 0 && number < 100) return { share: number / 100 };
  if (percent === "" && Number.isSafeInteger(number) && number > 0) return { updates: number };
  throw new UserError(
    `--cooldown ${text}: expected a share of all updates above 0% and below 100%, such as 20%, or a whole number of updates from 1`,
  );
}

/**
 * The configuration of a branch that cools a run down, and a note of what it does.
 * @param config what was asked for, without the cooldown
 * @throws UserError where its keys were changed as well or growth was added, and where the run cannot be cooled down
 */
export function cooledDown(config: Config, summary: CheckpointSummary, where: string, length: CooldownLength): Config {
  const { config: trunk, state, progress } = summary;
  for (const key of KEYS) {
    if (config.training[key] === trunk.training[key]) continue;
    throw new UserError(`training.${key}: is what --cooldown decides; leave one of them out`);
  }
  const added = config.growth.find((plan) => !trunk.growth.some((known) => sameJson(known, plan)));
  if (added !== undefined) {
    throw new UserError(
      `--cooldown: a branch grows no more, and the growth at step ${added.step} is none of ${where}; leave that plan out`,
    );
  }
  const { step, rewarm } = state;
  const start = { trunk, step, rewarm, growthsDone: progress.growthsDone, where };
  const cooled = cooldownOf(config, start, length);
  const { steps } = cooled.training;
  note(`cooldown: ${steps - step} updates from step ${step} to ${steps}, the learning rate falling to 0`);
  return cooled;
}
