/** The metrics of a frontier, stated before it was run: see `docs/guides/study.md`. */

import { mean } from "simple-statistics";
import { Random } from "../../random.ts";
import { halfOf } from "./documents.ts";
import { bestOf, type FrontierResults, meanLoss, meanOver, type Point, pointsOf } from "./results.ts";
import { studentHalfWidth } from "./student.ts";

/**
 * A difference with its 95 % interval by a bootstrap over documents and seeds. Of three seeds that is little more than their range, which
 * has the mean in three of four cases.
 */
export interface Difference {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** Half of the 95 % interval by Student's t over the seeds alone; missing of one seed. */
  readonly bySeeds?: number;
  /** Seeds that both sides have. */
  readonly seeds: number;
}

const RESAMPLES = 2000;

/**
 * A statistic with its 95 % interval: each resample draws indices of seeds and of documents with replacement (Efron and Tibshirani 1993,
 * chapter 13), always the same ones.
 */
function bootstrap(
  seeds: number,
  documents: number,
  statistic: (seeds: readonly number[], documents: readonly number[]) => number,
) {
  const random = Random.from("frontier", seeds, documents);
  const draw = (count: number) => Array.from({ length: count }, () => random.integer(count));
  const all = (count: number) => [...Array.from({ length: count }).keys()];
  const drawn = Array.from({ length: RESAMPLES }, () => statistic(draw(seeds), draw(documents))).toSorted(
    (x, y) => x - y,
  );
  return {
    mean: statistic(all(seeds), all(documents)),
    low: drawn[Math.floor(0.025 * RESAMPLES)] ?? Number.NaN,
    high: drawn[Math.ceil(0.975 * RESAMPLES) - 1] ?? Number.NaN,
  };
}

/** a − b of the losses on the reported half, paired by seed and document. Undefined where no seed has both, or a run diverged. */
export function difference(a: readonly Point[], b: readonly Point[]): Difference | undefined {
  const pairs = a.flatMap((point) => {
    const other = b.find(({ seed, diverged }) => seed === point.seed && diverged === undefined);
    return other === undefined || point.diverged !== undefined ? [] : [[reported(point), reported(other)] as const];
  });
  const documents = pairs[0]?.[0].length ?? 0;
  if (pairs.length === 0 || documents === 0) return undefined;
  const differencesOf = (seeds: readonly number[], drawn: readonly number[]) =>
    seeds.map((seed) => {
      const [left = [], right = []] = pairs[seed] ?? [];
      return meanLoss(picked(left, drawn)) - meanLoss(picked(right, drawn));
    });
  const interval = bootstrap(pairs.length, documents, (seeds, drawn) => mean(differencesOf(seeds, drawn)));
  const bySeeds = studentHalfWidth(differencesOf([...pairs.keys()], [...Array.from({ length: documents }).keys()]));
  return { ...interval, ...(bySeeds !== undefined && { bySeeds }), seeds: pairs.length };
}

const reported = ({ documents }: Point) => halfOf(documents, "report");

function picked<Item>(items: readonly Item[], indices: readonly number[]): Item[] {
  return indices.flatMap((index) => items.slice(index, index + 1));
}

/**
 * Δ at a budget: the loss of a grown run less that of the best size from scratch.
 * @param track the run that grows. Default: by the study's recipe
 * @param family of which models from scratch. Default: TokenFormers
 */
export function gapAt(
  results: FrontierResults,
  budget: number,
  track = "grown",
  family: "scratch" | "rotary" = "scratch",
): Difference | undefined {
  const best = bestOf(results, family, budget);
  return best && difference(pointsOf(results, track, budget), best.points);
}

/** The loss at a budget of one run less that of another. */
export function gapBetween(
  results: FrontierResults,
  budget: number,
  track: string,
  other: string,
): Difference | undefined {
  return difference(pointsOf(results, track, budget), pointsOf(results, other, budget));
}

/** The gain at the last rung in its two parts: what zero-key tokens at the start give, and what reusing a trained model gives. */
export function splitOfGain(results: FrontierResults) {
  const last = results.budgets.length - 1;
  const start = pointsOf(results, "zero-start", last);
  return {
    initialisation: difference(pointsOf(results, `scratch/${last}`, last), start),
    reuse: difference(start, pointsOf(results, "grown", last)),
  };
}

/** How much compute one grown run saves a family of models. */
export interface Saving {
  /** 1 − what the grown run spent / what models from scratch of all its sizes need for the same losses. */
  readonly share: number;
  /** Sizes that never got as low within their budgets, for which their largest budget is counted: the saving is at least this. */
  readonly unreached: number;
  /** The 95 % interval of the share by a bootstrap over documents and the seeds that all of these runs have; missing where they share none. */
  readonly interval?: { readonly low: number; readonly high: number };
}

/** The family saving S. Undefined where the grown run or a size from scratch is missing, or the grown run diverged. */
export function familySaving(results: FrontierResults): Saving | undefined {
  const whole = savingBy(results, (points) => meanOver(points, "report"));
  if (whole === undefined) return undefined;
  const tracks = ["grown", ...results.rungs.map((_, size) => `scratch/${size}`)];
  const runs = tracks.flatMap((track) => results.budgets.map((_, budget) => pointsOf(results, track, budget)));
  const made = runs.filter((points) => points.length > 0);
  const seeds = (made[0] ?? []).map(({ seed }) => seed).filter((seed) => made.every((points) => hasSeed(points, seed)));
  const documents = Math.max(...made.flat().map((point) => reported(point).length));
  if (seeds.length === 0 || documents === 0) return whole;
  const { low, high } = bootstrap(seeds.length, documents, (drawnSeeds, drawnDocuments) => {
    const lossOfDrawn = (points: readonly Point[]) => {
      const losses = drawnSeeds.map((index) => {
        const point = points.find(({ seed }) => seed === seeds[index]);
        if (point === undefined || point.diverged !== undefined) return Number.POSITIVE_INFINITY;
        return meanLoss(picked(reported(point), drawnDocuments));
      });
      return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
    };
    return savingBy(results, lossOfDrawn)?.share ?? Number.NaN;
  });
  return { ...whole, interval: { low, high } };
}

const hasSeed = (points: readonly Point[], seed: number) => points.some((point) => point.seed === seed);

/** The family saving where the loss of some runs of one track at one budget is this. */
function savingBy(
  results: FrontierResults,
  lossOf: (points: readonly Point[]) => number,
): Omit<Saving, "interval"> | undefined {
  let [grown, scratch, unreached] = [0, 0, 0];
  for (const [size] of results.rungs.entries()) {
    const points = pointsOf(results, "grown", size);
    const curve = curveOf(results, `scratch/${size}`, lossOf);
    const largest = curve.at(-1);
    if (points.length === 0 || largest === undefined || lossOf(points) === Number.POSITIVE_INFINITY) return undefined;
    const needed = flopsTo(curve, lossOf(points));
    grown = Math.max(grown, ...points.map(({ flops }) => flops));
    scratch += needed ?? largest.flops;
    if (needed === undefined) unreached++;
  }
  return { share: 1 - grown / scratch, unreached };
}

/**
 * The loss of a track over its budgets.
 * @param lossOf that of its runs at one of them. Default: their mean on the reported half
 */
export function curveOf(
  results: FrontierResults,
  track: string,
  lossOf = (points: readonly Point[]) => meanOver(points, "report"),
): { flops: number; loss: number }[] {
  return results.budgets.flatMap((_, budget) => {
    const points = pointsOf(results, track, budget);
    if (points.length === 0) return [];
    return [{ flops: points.reduce((sum, { flops }) => sum + flops, 0) / points.length, loss: lossOf(points) }];
  });
}

/** What a curve spends until it is as low as a loss, straight in the logarithm of FLOPs. Undefined where it never is. */
function flopsTo(
  curve: readonly { readonly flops: number; readonly loss: number }[],
  loss: number,
): number | undefined {
  const index = curve.findIndex((point) => point.loss <= loss);
  const [after, before] = [curve[index], curve[index - 1]];
  if (after === undefined) return undefined;
  if (before === undefined || before.loss === Number.POSITIVE_INFINITY) return after.flops;
  const share = (before.loss - loss) / (before.loss - after.loss);
  return Math.exp(Math.log(before.flops) + share * (Math.log(after.flops) - Math.log(before.flops)));
}
