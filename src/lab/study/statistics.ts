/** Means, intervals and rank correlations of few values. */

import { mean, sampleRankCorrelation, shuffleInPlace, sum, sumNthPowerDeviations } from "simple-statistics";
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
  /** The standard error of the mean, from the deviation pooled over the whole study. */
  readonly standardError: number;
  /** The differences by seed. */
  readonly values: ReadonlyMap<number, number>;
}

const resamples = 10_000;

/** Which of so many values make a resample, in the order drawn, and how many resamples are made of these. */
interface Resample {
  readonly indices: readonly number[];
  times: number;
}

/** So few values have few resamples, of which each study makes hundreds of estimates. */
const FEW = 6;

/** The resamples of so many values, up to the few. */
const resamplesOf = new Map<number, readonly Resample[]>();

function resamplesFor(count: number): readonly Resample[] {
  const drawn = resamplesOf.get(count) ?? drawResamples(count);
  if (count <= FEW) resamplesOf.set(count, drawn);
  return drawn;
}

function drawResamples(count: number): readonly Resample[] {
  const random = Random.from("bootstrap", count);
  const drawn = new Map<string, Resample>();
  for (let trial = 0; trial < resamples; trial++) {
    const indices = Array.from({ length: count }, () => random.integer(count));
    const key = indices.join();
    const same = drawn.get(key);
    if (same === undefined) drawn.set(key, { indices, times: 1 });
    else same.times += 1;
  }
  return [...drawn.values()];
}

/**
 * The mean, and the percentile bootstrap interval of 95 %: from 2.5 % to 97.5 % of the means of 10,000 resamples drawn
 * with replacement (Efron and Tibshirani 1993, chapter 13), always the same ones. Undefined of no values.
 *
 * Of three values or fewer the interval is from the lowest to the highest, which is too narrow: see {@link isDifferent}.
 */
export function estimate(values: readonly number[]): Estimate | undefined {
  const count = values.length;
  if (count === 0) return undefined;
  const means = resamplesFor(count)
    .map(({ indices, times }) => ({ value: mean(indices.map((index) => values[index] ?? 0)), times }))
    .sort((a, b) => a.value - b.value);
  return { mean: mean(values), low: quantile(means, 0.025), high: quantile(means, 0.975), count };
}

interface Repeated {
  readonly value: number;
  readonly times: number;
}

/** A quantile of the sorted means of all resamples, interpolated between two neighbours. */
function quantile(sorted: readonly Repeated[], share: number): number {
  const place = (resamples - 1) * share;
  const lower = Math.floor(place);
  const [low, high] = [nth(sorted, lower), nth(sorted, lower + 1)];
  return low + (place - lower) * (high - low);
}

/** The value at a place, from 0, where each is repeated. */
function nth(sorted: readonly Repeated[], place: number): number {
  let end = 0;
  const found = sorted.find(({ times }) => {
    end += times;
    return place < end;
  });
  return found?.value ?? Number.NaN;
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
  const squares = groups.filter(({ length }) => length > 0).map((group) => sumNthPowerDeviations(group, 2));
  return { deviation: Math.sqrt(sum(squares) / degrees), degrees };
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
  const found = estimate([...values.values()]);
  return found && { ...found, standardError: deviation * Math.sqrt(2 / found.count), values };
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
  const correlation = sampleRankCorrelation(a, b);
  return Number.isNaN(correlation) ? undefined : correlation;
}

/** The share of 10,000 shuffles whose rank correlation is as far from 0 as that of the values: a two-sided test. */
export function shuffleProbability(a: readonly number[], b: readonly number[]): number | undefined {
  const found = spearman(a, b);
  if (found === undefined) return undefined;
  const random = Random.from("shuffle", a.length);
  // Values have the same ranks in any order, so that these are shuffled.
  const [left, right] = [rankDeviations(a), rankDeviations(b)];
  const scale = Math.sqrt(product(left, left) * product(right, right));
  let asFar = 0;
  for (let trial = 0; trial < resamples; trial++) {
    shuffleInPlace(right, () => random.uniform());
    if (Math.abs(product(left, right)) >= (Math.abs(found) - 1e-9) * scale) asFar++;
  }
  return (asFar + 1) / (resamples + 1); // what was found is one of the orders too
}

/** How far the rank of each value is from the middle one; equal values share their mean rank. */
function rankDeviations(values: readonly number[]): number[] {
  const middle = (values.length - 1) / 2;
  return values.map((value) => {
    const [below, equal] = [values.filter((other) => other < value), values.filter((other) => other === value)];
    return below.length + (equal.length - 1) / 2 - middle;
  });
}

const product = (a: readonly number[], b: readonly number[]) =>
  a.reduce((total, value, index) => total + value * (b[index] ?? 0), 0);
