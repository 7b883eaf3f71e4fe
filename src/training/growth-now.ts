/** Growth that is asked for while a run goes on. */

import type { z } from "zod";
import { type Config, growthPlansOf, type ScheduledGrowth, scheduledGrowthSchema } from "../configuration/index.ts";
import { UserError } from "../errors.ts";
import { withModelDefaults } from "../growth/index.ts";
import type { ModelConfig } from "../model/index.ts";
import { checkPlainly } from "../plain-words.ts";

/** A growth plan for now. */
export type GrowthNow = DistributiveOmit<z.input<typeof scheduledGrowthSchema>, "step">;

type DistributiveOmit<Type, Key extends PropertyKey> = Type extends unknown ? Omit<Type, Key> : never;

/**
 * A configuration with a plan as the next one, for the step that the run is at.
 * @param done how many of its plans have been applied
 * @returns with `coming`, that plan and those after it
 * @throws UserError for a plan that cannot be
 */
export function withGrowthNow<Own extends Config>(config: Own, done: number, plan: GrowthNow, step: number) {
  const scheduled = scheduledNow(plan, config.model, step);
  const growth = growthPlansOf(config).toSpliced(done, 0, scheduled);
  return { config: { ...config, growth }, scheduled, coming: growth.slice(done) };
}

/** The plan as one for the step that the run of a model is at. Throws a `UserError` for one that cannot be. */
export function scheduledNow(plan: GrowthNow, model: ModelConfig, step: number): ScheduledGrowth {
  const parsed = checkPlainly(scheduledGrowthSchema, withModelDefaults({ ...plan, step }, model));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UserError(`growth: ${[...(issue?.path ?? []), issue?.message ?? "invalid"].map(String).join(": ")}`);
}
