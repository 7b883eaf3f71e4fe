/** Intervals of means over few seeds. */

import { sampleStandardDeviation } from "simple-statistics";

/** Quantiles of 97.5 % of Student's t, by degrees of freedom from 1 to 9. */
const QUANTILES = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

/** The same quantile of the normal distribution. */
const NORMAL = 1.96;

/** Of more degrees of freedom by the expansion of Cornish and Fisher, within 0.2 %. */
function quantileOf(degrees: number): number {
  const first = (NORMAL ** 3 + NORMAL) / (4 * degrees);
  const second = (5 * NORMAL ** 5 + 16 * NORMAL ** 3 + 3 * NORMAL) / (96 * degrees ** 2);
  return QUANTILES[degrees - 1] ?? NORMAL + first + second;
}

/** Half of the 95 % interval of a mean by Student's t. Undefined of fewer than two values. */
export function studentHalfWidth(values: readonly number[]): number | undefined {
  if (values.length < 2) return undefined;
  return (quantileOf(values.length - 1) * sampleStandardDeviation([...values])) / Math.sqrt(values.length);
}
