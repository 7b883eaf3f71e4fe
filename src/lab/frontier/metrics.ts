/** The metrics of a frontier, stated before it was run: see `docs/guides/study.md`. */

import { Random } from "../../random.ts";
import { halfOf } from "./documents.ts";
import { bestOf, type FrontierResults, meanLoss, meanOver, type Point, pointsOf } from "./results.ts";

/** A difference with its 95 % interval by a bootstrap over documents and seeds. */
export interface Difference {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** Seeds that both sides have. */
  readonly seeds: number;
}

const RESAMPLES = 2000;

/**
 * a − b of the losses on the reported half, paired by seed and document. Each resample draws seeds and documents with replacement
 * (Efron and Tibshirani 1993, chapter 13), always the same ones. Undefined where no seed has both, or a run diverged.
 */
export function difference(a: readonly Point[], b: readonly Point[]): Difference | undefined {
  const pairs = a.flatMap((point) => {
    const other = b.find(({ seed, diverged }) => seed === point.seed && diverged === undefined);
    return other === undefined || point.diverged !== undefined ? [] : [[reported(point), reported(other)] as const];
  });
  const documents = pairs[0]?.[0].length ?? 0;
  if (pairs.length === 0 || documents === 0) return undefined;
  const meanOf = (seeds: readonly number[], drawn: readonly number[]) => {
    const differences = seeds.map((seed) => {
      const [left = [], right = []] = pairs[seed] ?? [];
      return meanLoss(picked(left, drawn)) - meanLoss(picked(right, drawn));
    });
    return differences.reduce((sum, value) => sum + value, 0) / differences.length;
  };
  const random = Random.from("frontier", pairs.length, documents);
  const draw = (count: number) => Array.from({ length: count }, () => random.integer(count));
  const means = Array.from({ length: RESAMPLES }, () => meanOf(draw(pairs.length), draw(documents))).toSorted(
    (x, y) => x - y,
  );
  const all = (count: number) => [...Array.from({ length: count }).keys()];
  return {
    mean: meanOf(all(pairs.length), all(documents)),
    low: means[Math.floor(0.025 * RESAMPLES)] ?? Number.NaN,
    high: means[Math.ceil(0.975 * RESAMPLES) - 1] ?? Number.NaN,
    seeds: pairs.length,
  };
}

const reported = ({ documents }: Point) => halfOf(documents, "report");

function picked<Item>(items: readonly Item[], indices: readonly number[]): Item[] {
  return indices.flatMap((index) => items.slice(index, index + 1));
}

/** Δ at a budget: the loss of the grown run less that of the best size from scratch. */
export function gapAt(results: FrontierResults, budget: number): Difference | undefined {
  const best = bestOf(results, "scratch", budget);
  return best && difference(pointsOf(results, "grown", budget), best.points);
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
}

/** The family saving S. Undefined where the grown run or a size from scratch is missing. */
export function familySaving(results: FrontierResults): Saving | undefined {
  let [grown, scratch, unreached] = [0, 0, 0];
  for (const [size] of results.rungs.entries()) {
    const points = pointsOf(results, "grown", size);
    const curve = curveOf(results, `scratch/${size}`);
    const largest = curve.at(-1);
    if (points.length === 0 || largest === undefined) return undefined;
    const needed = flopsTo(curve, meanOver(points, "report"));
    grown = Math.max(grown, ...points.map(({ flops }) => flops));
    scratch += needed ?? largest.flops;
    if (needed === undefined) unreached++;
  }
  return { share: 1 - grown / scratch, unreached };
}

/** The mean loss of a track over its budgets. */
export function curveOf(results: FrontierResults, track: string): { flops: number; loss: number; seconds: number }[] {
  return results.budgets.flatMap((_, budget) => {
    const points = pointsOf(results, track, budget);
    const mean = (figure: (point: Point) => number) =>
      points.reduce((sum, point) => sum + figure(point), 0) / points.length;
    if (points.length === 0) return [];
    return [
      { flops: mean(({ flops }) => flops), loss: meanOver(points, "report"), seconds: mean(({ seconds }) => seconds) },
    ];
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
  if (before === undefined) return after.flops;
  const share = (before.loss - loss) / (before.loss - after.loss);
  return Math.exp(Math.log(before.flops) + share * (Math.log(after.flops) - Math.log(before.flops)));
}
