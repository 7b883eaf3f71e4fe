/** Growth that is asked for while a run goes on. */

import type { z } from "zod";
import { type ScheduledGrowth, scheduledGrowthSchema } from "../configuration/index.ts";
import { UserError } from "../errors.ts";
import { checkPlainly } from "../plain-words.ts";

/** A growth plan for now. */
export type GrowthNow = DistributiveOmit<z.input<typeof scheduledGrowthSchema>, "step">;

type DistributiveOmit<Type, Key extends PropertyKey> = Type extends unknown ? Omit<Type, Key> : never;

/** The plan as one for the step that the run is at. Throws a `UserError` for one that cannot be. */
export function scheduledNow(plan: GrowthNow, step: number): ScheduledGrowth {
  const parsed = checkPlainly(scheduledGrowthSchema, { ...plan, step });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UserError(`growth: ${[...(issue?.path ?? []), issue?.message ?? "invalid"].map(String).join(": ")}`);
}
