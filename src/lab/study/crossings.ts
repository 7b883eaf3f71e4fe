/** Loss curves: their mean over seeds, and what it took to reach a loss. */

import { mean } from "simple-statistics";
import type { Point } from "./results.ts";

/** What can be spent on training. */
export type Budget = "flops" | "tokens" | "seconds";

/** The loss when so many FLOPs, tokens or seconds were spent: the mean of the seeds, the lowest and the highest. */
export interface Sample {
  readonly spent: number;
  readonly loss: number;
  readonly low: number;
  readonly high: number;
}

/** The mean of the curves of several seeds of a recipe, at the steps that all of them have, but where nothing was spent. */
export function meanCurve(curves: readonly (readonly Point[])[], budget: Budget): Sample[] {
  const byStep = curves.map((curve) => new Map(curve.map((point) => [point.step, point])));
  const steps = [...(byStep[0]?.keys() ?? [])].sort((a, b) => a - b);
  return steps.flatMap((step) => {
    const points = byStep.flatMap((curve) => curve.get(step) ?? []);
    const losses = points.map(({ loss }) => loss);
    const spent = mean(points.map((point) => point[budget]));
    if (points.length < curves.length || spent <= 0 || !losses.every(Number.isFinite)) return [];
    return [{ spent, loss: mean(losses), low: Math.min(...losses), high: Math.max(...losses) }];
  });
}

/**
 * What was spent when the curve first reached `loss`: between its points it is a straight line over the logarithm of
 * what was spent. Undefined if it never did.
 */
export function spentAt(curve: readonly Pick<Sample, "spent" | "loss">[], loss: number): number | undefined {
  const at = curve.findIndex((sample) => sample.loss <= loss);
  const after = curve[at];
  const before = curve[at - 1];
  if (after === undefined || before === undefined) return after?.spent;
  const share = (before.loss - loss) / (before.loss - after.loss);
  return before.spent * (after.spent / before.spent) ** share;
}
