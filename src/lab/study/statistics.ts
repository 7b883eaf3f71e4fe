/** Means, intervals and rank correlations of few values. */

import { Random } from "../../random.ts";

/** A mean with its 95 % bootstrap interval. */
export interface Estimate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** How many values it is of. */
  readonly count: number;
}

/** A mean of differences paired by seed, a − b, with what it takes to call it one. */
export interface Difference extends Estimate {
  /** Of the mean, from the deviation pooled over the whole study. */
  readonly standardError: number;
  /** By seed. */
  readonly values: ReadonlyMap<number, number>;
}

const resamples = 10_000;

export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * The mean, and the percentile bootstrap interval of 95 %: from 2.5 % to 97.5 % of the means of 10,000 resamples drawn
 * with replacement (Efron and Tibshirani 1993, chapter 13), always the same ones. Undefined of no values.
 *
 * Of three values or fewer the interval is from the lowest to the highest, which is too narrow: see {@link isDifferent}.
 */
export function estimate(values: readonly number[]): Estimate | undefined {
  const count = values.length;
  if (count === 0) return undefined;
  const random = Random.from("bootstrap", count);
  const means = new Float64Array(resamples);
  for (let trial = 0; trial < resamples; trial++) {
    let sum = 0;
    for (let draw = 0; draw < count; draw++) sum += values[random.integer(count)] ?? 0;
    means[trial] = sum / count;
  }
  means.sort();
  return { mean: meanOf(values), low: quantile(means, 0.025), high: quantile(means, 0.975), count };
}

/** With straight lines between the sorted values. */
function quantile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1);
  const low = sorted[Math.floor(position)] ?? 0;
  const high = sorted[Math.ceil(position)] ?? 0;
  return low + (position % 1) * (high - low);
}

/** A standard deviation, and the degrees of freedom that it rests on. */
export interface Spread {
  readonly deviation: number;
  readonly degrees: number;
}

/**
 * The standard deviation within groups: the squared deviations from each group's own mean, summed over all groups and
 * divided by all degrees of freedom. Undefined where no group has two values.
 */
export function pooledSpread(groups: readonly (readonly number[])[]): Spread | undefined {
  const degrees = groups.reduce((sum, group) => sum + Math.max(0, group.length - 1), 0);
  if (degrees === 0) return undefined;
  const squares = groups.map((group) => {
    const mean = meanOf(group);
    return group.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  });
  return { deviation: Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / degrees), degrees };
}

/**
 * a − b, paired by seed. Undefined where no seed has both.
 *
 * The standard error, `deviation` · √(2 / seeds), is that of independent runs. Runs of a seed share their batches, which
 * can only bring them nearer to each other: the error is rather too large than too small.
 */
export function pairedDifference(
  a: ReadonlyMap<number, number>,
  b: ReadonlyMap<number, number>,
  deviation: number,
): Difference | undefined {
  const values = new Map<number, number>();
  for (const [seed, value] of a) {
    const other = b.get(seed);
    if (other !== undefined) values.set(seed, value - other);
  }
  const mean = estimate([...values.values()]);
  return mean && { ...mean, standardError: deviation * Math.sqrt(2 / mean.count), values };
}

/**
 * Whether a difference counts: there are two seeds at least, its interval leaves out 0, and it exceeds two standard
 * errors.
 */
export function isDifferent({ mean, low, high, count, standardError }: Difference): boolean {
  return count >= 2 && (low > 0 || high < 0) && Math.abs(mean) > 2 * standardError;
}

/**
 * Spearman's rank correlation, from −1 to 1; equal values share their mean rank. Undefined of fewer than three pairs,
 * and where all values of a side are equal.
 */
export function spearman(a: readonly number[], b: readonly number[]): number | undefined {
  if (a.length < 3) return undefined;
  return correlation(ranksOf(a), ranksOf(b));
}

/** The share of 10,000 shuffles whose rank correlation is as far from 0 as that of the values: a two-sided test. */
export function shuffleProbability(a: readonly number[], b: readonly number[]): number | undefined {
  const found = spearman(a, b);
  if (found === undefined) return undefined;
  const random = Random.from("shuffle", a.length);
  const [ranks, shuffled] = [ranksOf(a), ranksOf(b)];
  let asFar = 0;
  for (let trial = 0; trial < resamples; trial++) {
    shuffle(shuffled, random);
    if (Math.abs(correlation(ranks, shuffled) ?? 0) >= Math.abs(found) - 1e-9) asFar++;
  }
  return (asFar + 1) / (resamples + 1); // what was found is one of the orders too
}

function shuffle(values: number[], random: Random): void {
  for (let last = values.length - 1; last > 0; last--) {
    const other = random.integer(last + 1);
    const kept = values[last] ?? 0;
    values[last] = values[other] ?? 0;
    values[other] = kept;
  }
}

function ranksOf(values: readonly number[]): number[] {
  return values.map((value) => {
    const below = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return below + (equal + 1) / 2;
  });
}

function correlation(a: readonly number[], b: readonly number[]): number | undefined {
  const [meanA, meanB] = [meanOf(a), meanOf(b)];
  const sum = (term: (x: number, y: number) => number) =>
    a.reduce((total, x, at) => total + term(x - meanA, (b[at] ?? 0) - meanB), 0);
  const scale = Math.sqrt(sum((x) => x * x) * sum((_, y) => y * y));
  return scale === 0 ? undefined : sum((x, y) => x * y) / scale;
}
