/** What a frontier costs, before it is run. */

import { seedsAt } from "./config.ts";
import { type FrontierPlan, isTuned, stepsOf, type Track } from "./plan.ts";
import { branchOf, type Part, type Place } from "./run.ts";

export interface FrontierCost {
  /** Branches, with those for learning rates; more may be tried. */
  readonly runs: number;
  readonly steps: number;
  readonly flops: number;
}

/** The cost of the branches at a budget, of all tracks or of some. Held-out losses are not counted. */
export function costAt(plan: FrontierPlan, budget: number, tracks: readonly Track[] = plan.tracks): FrontierCost {
  const { learningRates } = plan.study;
  const found = tracks.flatMap((track) =>
    track.branches.flatMap((branch, index) => {
      if (branch.budget !== budget) return [];
      const runs = seedsAt(plan.study, budget) + (isTuned(plan.study, track, index) ? learningRates.length : 0);
      return [{ runs, steps: runs * stepsOf(track, index), flops: runs * branch.flops }];
    }),
  );
  return sumOf(found);
}

/** The cost of a segment alone, or of the cooldown after it, as if all their updates cost alike. */
export function costOfPart(kind: Part, place: Place): FrontierCost {
  const { cooldownSteps, flops } = branchOf(place);
  const both = stepsOf(place.track, place.index);
  const steps = kind === "branch" ? cooldownSteps : both - cooldownSteps;
  return { runs: kind === "branch" ? 1 : 0, steps, flops: (flops * steps) / both };
}

/** A segment or a branch that was made. */
export interface MadePart extends FrontierCost {
  /**
   * Seconds from its beginning to its end, divided by the devices of the process, which are all at work. Missing of one that was gone on
   * with: that took the time of its rest alone.
   */
  readonly seconds?: number;
}

/**
 * Seconds that a process takes for a floating-point operation: the median over those that it has made, as a mean would count the hours
 * for which the process was stopped within a part. Undefined where no time is known.
 */
export function paceOf(parts: readonly MadePart[]): number | undefined {
  const paces = parts
    .flatMap(({ flops, seconds }) => (seconds === undefined ? [] : [{ flops, pace: seconds / flops }]))
    .toSorted((a, b) => a.pace - b.pace);
  const half = paces.reduce((sum, { flops }) => sum + flops, 0) / 2;
  let upTo = 0;
  for (const { flops, pace } of paces) {
    upTo += flops;
    if (upTo >= half) return pace;
  }
  return undefined;
}

export function sumOf(costs: Iterable<FrontierCost>): FrontierCost {
  return [...costs].reduce(
    (sum, cost) => ({ runs: sum.runs + cost.runs, steps: sum.steps + cost.steps, flops: sum.flops + cost.flops }),
    { runs: 0, steps: 0, flops: 0 },
  );
}
