/** Sides that make the same training steps in turn. */

import { median } from "../../median.ts";
import type { DeviceKind } from "../../runtime/index.ts";
import type { Precision } from "../../tensor/index.ts";
import { productFlops } from "../../tensor/index.ts";
import { formatDuration } from "../report/format.ts";
import { ownInstructions } from "./instructions.ts";
import { productsOf } from "./products.ts";
import { ownArguments, peerSide, type Side, type Steps } from "./sides.ts";
import { type Spread, spreadOf } from "./spread.ts";
import { stepFlops, tokensOfStep, type Work } from "./work.ts";

/** Time and memory that the steps of one side took. */
export interface StepRow {
  readonly name: string;
  /** Seconds of a step, by round: the median of the round's steps. */
  readonly seconds: Spread;
  readonly tokensPerSecond: number;
  readonly flopsPerSecond: number;
  readonly precision: Precision;
  /** The vector instructions that it uses, where they are known. */
  readonly instructions?: string | undefined;
  /** The most resident memory, in bytes. */
  readonly peakBytes: number;
  /** Its time over ours, by round. */
  readonly timeOverOurs: Spread;
  /** The largest difference from our losses over the first steps, at most 20; missing for a side without losses. */
  readonly lossDifference: number | undefined;
}

export interface StepComparison {
  readonly work: string;
  readonly model: string;
  readonly rounds: number;
  readonly stepsEach: number;
  readonly rows: readonly StepRow[];
}

export interface Turns {
  readonly rounds: number;
  /** Steps of a turn. */
  readonly steps: number;
  /** Steps of each side before the first round. */
  readonly warm: number;
  /** When the last round should have ended, as `performance.now()` counts; one round there is always. Default: never. */
  readonly until?: number | undefined;
  /** Is told each figure as soon as there is one, and how long the rest will take. Default: nobody. */
  note?(line: string): void;
}

export interface OwnSides {
  /** The device that our sides compute on. Default: cpu. */
  readonly device?: DeviceKind;
  /** Whether there are sides with products in float16. Default false. */
  readonly half?: boolean;
}

/** Our training steps, then their matrix products alone, then others. */
export function sidesOf(
  work: Work,
  { device = "cpu", half = false }: OwnSides = {},
  others: readonly Side[] = [],
): Side[] {
  const { name, config } = work;
  const own = (label: string, task: string, precision: Precision): Side => ({
    ...peerSide(label, process.execPath, ownArguments(task, name, config.type, device, precision), { instructions }),
    precision,
  });
  const instructions = device === "cpu" ? ownInstructions() : undefined;
  const flops = productsOf(work).reduce((sum, product) => sum + productFlops(product), 0);
  const products = (label: string, precision: Precision): Side => ({ ...own(label, "products", precision), flops });
  return [
    own("tokenformer", "steps", "float32"),
    products("its matrix products alone", "float32"),
    ...(half ? [own("with products in float16", "steps", "float16"), products("these products alone", "float16")] : []),
    ...others,
  ];
}

/** Lets sides take turns, the first of which is ours, and closes them. */
export async function compareSteps(work: Work, sides: readonly Side[], turns: Turns): Promise<StepComparison> {
  try {
    const first = await warmUp(sides, turns);
    const times = await takeTurns(sides, turns);
    const memory: number[] = [];
    for (const side of sides) memory.push(await side.memory());
    const rows = sides.map((side, index) =>
      rowOf(work, side, times[index] ?? [], times[0] ?? [], {
        peakBytes: memory[index] ?? 0,
        lossDifference: differenceOf(first[index]?.losses ?? [], first[0]?.losses ?? []),
      }),
    );
    return { work: work.name, model: work.config.type, rounds: times[0]?.length ?? 0, stepsEach: turns.steps, rows };
  } finally {
    await Promise.all(sides.map((side) => side.close()));
  }
}

/** The first steps of each side, which are not timed. */
async function warmUp(sides: readonly Side[], { warm, note }: Turns): Promise<Steps[]> {
  const first: Steps[] = [];
  for (const side of sides) {
    const made = await side.steps(warm);
    first.push(made);
    note?.(`  ${nameOf(side)}: ${formatDuration(made.seconds.at(-1) ?? Number.NaN)} a step, warming up`);
  }
  return first;
}

/** Seconds of a step of each side, round by round: as many rounds as there is time for. */
async function takeTurns(
  sides: readonly Side[],
  { rounds, steps, until = Infinity, note }: Turns,
): Promise<number[][]> {
  const times: number[][] = sides.map(() => []);
  const startedAt = performance.now();
  for (let round = 1; round <= rounds; round++) {
    for (const [index, side] of sides.entries()) times[index]?.push(median((await side.steps(steps)).seconds));
    const each = (performance.now() - startedAt) / round;
    const left = Math.min(rounds - round, Math.max(0, Math.floor((until - performance.now()) / each)));
    note?.(
      `  round ${round} of ${round + left}: ${ratiosOf(sides, times)}; ${formatDuration((left * each) / 1000)} left`,
    );
    if (left === 0) break;
  }
  return times;
}

/** Medians so far. */
function ratiosOf(sides: readonly Side[], times: readonly (readonly number[])[]): string {
  const [ours = []] = times;
  const ratios = sides.slice(1).map((side, index) => {
    const { median: ratio } = spreadOf(
      (times[index + 1] ?? []).map((time, round) => time / (ours[round] ?? Number.NaN)),
    );
    return `${nameOf(side)} ${ratio.toFixed(2)}`;
  });
  return [`ours ${formatDuration(median(ours))}`, ...ratios].join(", ");
}

const nameOf = ({ name, instructions }: Side) => (instructions === undefined ? name : `${name} (${instructions})`);

function rowOf(
  work: Work,
  { name, flops = stepFlops(work), precision = "float32", instructions }: Side,
  times: readonly number[],
  ours: readonly number[],
  rest: Pick<StepRow, "peakBytes" | "lossDifference">,
): StepRow {
  const seconds = spreadOf(times);
  return {
    name,
    seconds,
    tokensPerSecond: tokensOfStep(work) / seconds.median,
    flopsPerSecond: flops / seconds.median,
    precision,
    ...(instructions !== undefined && { instructions }),
    timeOverOurs: spreadOf(times.map((time, round) => time / (ours[round] ?? Number.NaN))),
    ...rest,
  };
}

function differenceOf(losses: readonly number[], ours: readonly number[]): number | undefined {
  if (losses.length === 0) return undefined;
  return Math.max(...losses.slice(0, 20).map((loss, step) => Math.abs(loss - (ours[step] ?? Number.NaN))));
}
