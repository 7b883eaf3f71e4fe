/** What a study costs: runs, updates, tokens, floating-point operations, and hours at a measured speed. */

import { type Config, configSchema } from "../../configuration/index.ts";
import type { Device } from "../../runtime/index.ts";
import type { Corpus } from "../../text/index.ts";
import { train } from "../../training/index.ts";
import type { Cell } from "./cells.ts";
import { cellsOf, type StudyPlan } from "./plan.ts";
import type { StudyRun } from "./run.ts";
import { TUNING_SEED } from "./study.ts";

/** How long an update takes: a constant, and a time for each floating-point operation. */
export interface Speed {
  readonly secondsPerStep: number;
  readonly secondsPerFlop: number;
}

export interface Cost {
  readonly runs: number;
  readonly steps: number;
  readonly tokens: number;
  readonly flops: number;
}

/** The cost of one run of a cell. */
export function runCost({ config: { training, model }, begins, flops }: Cell): Cost {
  const steps = training.steps - begins;
  return { runs: 1, steps, tokens: steps * training.batch * model.context, flops };
}

/** Runs of a cell that the plan foresees; more learning rates may be tried. */
export function plannedRuns({ study }: StudyPlan): number {
  return study.seeds + (study.learningRates.length > 1 ? study.learningRates.length : 0);
}

/** The cost of some cells of a plan, with all runs of each. */
export function costOf(plan: StudyPlan, cells: readonly Cell[] = cellsOf(plan)): Cost {
  return sumOf(cells.map((cell) => times(plannedRuns(plan), runCost(cell))));
}

/** The cost of what a plan lacks, with these of its runs done. */
export function costLeft(plan: StudyPlan, done: readonly StudyRun[]): Cost {
  const { seeds, learningRates } = plan.study;
  const costs = cellsOf(plan).map((cell) => {
    const own = done.filter((run) => run.cell.id === cell.id);
    const tries = own.filter(({ seed }) => seed === TUNING_SEED).length;
    // Where the grid was extended, more were tried than is planned.
    const grid = learningRates.length > 1 ? Math.max(0, learningRates.length - tries) : 0;
    return times(grid + seeds - (own.length - tries), runCost(cell));
  });
  return sumOf(costs);
}

const times = (runs: number, { steps, tokens, flops }: Cost): Cost => ({
  runs,
  steps: runs * steps,
  tokens: runs * tokens,
  flops: runs * flops,
});

const sumOf = (costs: readonly Cost[]): Cost =>
  costs.reduce(
    (sum, cost) => ({
      runs: sum.runs + cost.runs,
      steps: sum.steps + cost.steps,
      tokens: sum.tokens + cost.tokens,
      flops: sum.flops + cost.flops,
    }),
    { runs: 0, steps: 0, tokens: 0, flops: 0 },
  );

export function secondsOf({ steps, flops }: Pick<Cost, "steps" | "flops">, speed: Speed): number {
  return steps * speed.secondsPerStep + flops * speed.secondsPerFlop;
}

/** Updates that warm up, and those after them of which the time is taken. */
const [WARM, TIMED] = [2, 3];

/**
 * Measures how fast a device trains, with two small models.
 * @param corpus any: only its length matters
 */
export async function measureSpeed(device: Device, corpus: Corpus): Promise<Speed> {
  const small = await timeOf(device, corpus, calibration(16));
  const large = await timeOf(device, corpus, calibration(128));
  return speedOf(small, large);
}

/** How fast a device trains, for what is left of a study: where nothing is, it is not measured, and nothing takes time. */
export async function speedFor({ runs }: Pick<Cost, "runs">, device: Device, corpus: Corpus): Promise<Speed> {
  return runs === 0 ? { secondsPerStep: 0, secondsPerFlop: 0 } : measureSpeed(device, corpus);
}

/** An update of so many floating-point operations took so long. */
export interface Timing {
  readonly seconds: number;
  readonly flops: number;
}

/**
 * The speed at which two timings lie. On a busy machine the larger update may come out as the faster one: then all of its time counts
 * as that of its operations.
 */
export function speedOf(small: Timing, large: Timing): Speed {
  const slope = (large.seconds - small.seconds) / (large.flops - small.flops);
  if (slope <= 0) return { secondsPerFlop: large.seconds / large.flops, secondsPerStep: 0 };
  return { secondsPerFlop: slope, secondsPerStep: Math.max(0, small.seconds - slope * small.flops) };
}

function calibration(attention: number): Config {
  const tokens = {
    query: attention,
    key: attention,
    value: attention,
    projection: attention,
    feedForward: 4 * attention,
  };
  return configSchema.parse({
    model: { type: "tokenformer", layers: 4, heads: 4, width: 128, context: 64, tied: true, tokens },
    training: { steps: WARM + TIMED, batch: 12, evaluateEvery: 0, evaluationTokens: 768 },
  });
}

/** The least time of an update: whatever else runs only adds to it. */
async function timeOf(device: Device, corpus: Corpus, config: Config): Promise<Timing> {
  const seconds: number[] = [];
  let flops = 0;
  for await (const event of train({ config, data: corpus, device })) {
    if (event.type !== "step" || event.step <= WARM) continue;
    flops = event.flops / event.step;
    seconds.push(flops / event.flopsPerSecond);
  }
  return { seconds: Math.min(...seconds), flops };
}
