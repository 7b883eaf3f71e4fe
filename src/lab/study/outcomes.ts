/** Picks runs and losses out of a study's results. */

import { mean } from "simple-statistics";
import { type Budget, meanCurve, type Sample } from "./crossings.ts";
import type { ArmResult, CellResult, Outcome, Point, RunResult, StudyResults } from "./results.ts";
import { type Estimate, estimate, pooledSpread, type Spread } from "./statistics.ts";

/** Arms of which there is the last size alone. */
const lastOnly: ReadonlySet<string> = new Set(["scratch-total", "no-growth"]);

/** The sizes at which an arm is compared with the grown one: all that have grown, or the last alone. */
export function comparedStages({ id }: ArmResult, { stages }: StudyResults): number[] {
  const grown = stages.map((_, stage) => stage).slice(1);
  return lastOnly.has(id) ? grown.slice(-1) : grown;
}

/** All cells, each once: a question's reference is in every question, and may be of an arm too. */
export function allCells({ arms, ablation }: StudyResults): CellResult[] {
  const cells = [
    ...arms.flatMap((arm) => arm.cells),
    ...ablation.questions.flatMap(({ variants }) => variants.map(({ cell }) => cell)),
  ];
  return [...new Map(cells.map((cell) => [cell.id, cell])).values()];
}

/** The cell in which an arm has a model of this size: its own one, or one that passes through. */
export function cellOf({ cells }: ArmResult, stage: number): CellResult | undefined {
  const passes = (cell: CellResult) => cell.runs.some((run) => outcomeOf(run, stage) !== undefined);
  return cells.find((cell) => cell.stage === stage) ?? cells.find(passes);
}

export const outcomeOf = ({ outcomes }: RunResult, stage: number): Outcome | undefined =>
  outcomes.find((outcome) => outcome.stage === stage && Number.isFinite(outcome.loss));

/** The outcomes of the runs that got to a stage, by seed. */
export function outcomesOf(cell: CellResult | undefined, stage: number): Map<number, Outcome> {
  const found = (cell?.runs ?? []).flatMap((run): [number, Outcome][] => {
    const outcome = outcomeOf(run, stage);
    return outcome === undefined ? [] : [[run.seed, outcome]];
  });
  return new Map(found);
}

/** The validation losses at the end of a size, by seed. */
export function lossesOf(cell: CellResult | undefined, stage: number): Map<number, number> {
  return new Map(Array.from(outcomesOf(cell, stage), ([seed, { loss }]) => [seed, loss]));
}

/** The mean of a figure of the runs at the end of a size, if there is one. */
export function meanOutcome(
  cell: CellResult | undefined,
  stage: number,
  figure: (outcome: Outcome) => number,
): Estimate | undefined {
  return estimate([...outcomesOf(cell, stage).values()].map(figure));
}

/** What a cell had spent at the end of a size: the mean of its runs. */
export function spentBy(cell: CellResult | undefined, stage: number, budget: Budget): number | undefined {
  const outcomes = [...outcomesOf(cell, stage).values()];
  return outcomes.length === 0 ? undefined : mean(outcomes.map((outcome) => outcome[budget]));
}

/** How far the final losses of seeds lie from the mean of their recipe: pooled over all recipes and sizes. */
export function studySpread(results: StudyResults): Spread | undefined {
  const stages = results.stages.map((_, stage) => stage);
  return pooledSpread(allCells(results).flatMap((cell) => stages.map((stage) => [...lossesOf(cell, stage).values()])));
}

/** The curve of a run up to the end of a size, the outcomes on the way among its points. */
function pointsOf({ curve, outcomes }: RunResult, stage: number): Point[] {
  const end = outcomes.find((outcome) => outcome.stage === stage)?.step ?? Number.POSITIVE_INFINITY;
  const points = [...curve, ...outcomes].filter(({ step }) => step <= end);
  return [...new Map(points.map((point) => [point.step, point])).values()];
}

/** The mean curve of the runs of a cell that reached the end of a size, up to there. */
export function curveOf(cell: CellResult, stage: number, budget: Budget): Sample[] {
  const runs = cell.runs.filter((run) => outcomeOf(run, stage) !== undefined);
  return meanCurve(
    runs.map((run) => pointsOf(run, stage)),
    budget,
  );
}
