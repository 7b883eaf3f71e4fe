/** The benchmark as a whole: what is measured, in which order. */

import { UserError } from "../../errors.ts";
import { type DeviceKind, openDevice, requireHalfProducts } from "../../runtime/index.ts";
import { formatDuration } from "../report/format.ts";
import { compareSteps, type StepComparison, sidesOf } from "./compare.ts";
import { type GrowthRow, largeStages, measureGrowth, miniStage } from "./growth.ts";
import { type Limits, type Multiplier, measureLimits, ownMultiplier } from "./limits.ts";
import { measureScaling, type Scaling } from "./scaling.ts";
import type { Side } from "./sides.ts";
import { measureStartUp, type StartUp } from "./start-up.ts";
import { type Course, courseUntil } from "./time.ts";
import { type Work, type WorkName, workModels, workOf } from "./work.ts";

export const benchmarkParts = ["steps", "limits", "growth", "start-up", "scaling"] as const;
export type BenchmarkPart = (typeof benchmarkParts)[number];

/** The parts that are not about the cpu alone. */
export const deviceParts = ["steps", "limits"] as const satisfies readonly BenchmarkPart[];

export interface BenchmarkOptions {
  /** The device of `deviceParts`. Default: cpu. */
  readonly device?: DeviceKind;
  readonly parts: readonly BenchmarkPart[];
  readonly sizes: readonly WorkName[];
  /** Whether growth goes on beyond `mini`, up to 1.4B parameters. */
  readonly large: boolean;
  /** Rounds of steps, at most; at least one. */
  readonly rounds: number;
  /** Minutes after which nothing further begins: no round, size, point or part but the first round of a part under way. Default: any number. */
  readonly minutes?: number | undefined;
  /** The file of the command line, for start-up. */
  readonly program: string;
  /** Is told what is under way, figures as soon as there are some, and how long a part will take. */
  note(line: string): void;
  /** Is told each comparison of steps once it is complete. Default: nobody. */
  compared?(comparison: StepComparison): void;
  /** Others that make the steps. Default: none. */
  peers?(work: Work): Promise<readonly Side[]>;
  /** Others that multiply matrices. Default: none. */
  multipliers?(): Promise<readonly Multiplier[]>;
}

/** What was measured; parts that were not asked for are missing. */
export interface Measurements {
  readonly steps?: readonly StepComparison[];
  readonly limits?: readonly Limits[];
  readonly growth?: readonly GrowthRow[];
  readonly startUp?: StartUp;
  readonly scaling?: readonly Scaling[];
  /** Who did not take part, and why. */
  readonly notMeasured?: readonly { readonly name: string; readonly reason: string }[];
}

/** Steps of a turn, so that each turn takes a second or a few. */
const stepsOfTurn: Readonly<Record<WorkName, number>> = { "nanogpt-cpu": 30, lecture: 3, "124m": 1 };

/** Measures one part after the other. Others should rest meanwhile. */
export async function runBenchmark(options: BenchmarkOptions): Promise<Measurements> {
  const asked = (part: BenchmarkPart) => options.parts.includes(part);
  const { device = "cpu" } = options;
  // The cpu has no float16, and nobody expects it.
  const halfAsked = device !== "cpu" && asked("steps");
  const lacking = halfAsked ? await withoutHalf(device) : undefined;
  const end = performance.now() + 60_000 * (options.minutes ?? Infinity);
  const course = courseUntil(end, (line) => options.note(line));
  return {
    ...(asked("start-up") && { startUp: await startUp(options, course) }),
    ...(asked("limits") && { limits: await limits(options, course) }),
    ...(asked("steps") && { steps: await steps(options, { ...course, end }, halfAsked && lacking === undefined) }),
    ...(asked("growth") && { growth: await growth(options, course) }),
    ...(asked("scaling") && { scaling: await measureScaling(options.rounds, course) }),
    ...(lacking !== undefined && { notMeasured: [{ name: "products in float16", reason: lacking }] }),
  };
}

/** Why the device has no products in float16; `undefined` where it has. */
async function withoutHalf(name: DeviceKind): Promise<string | undefined> {
  const device = await openDevice(name);
  try {
    await requireHalfProducts(device, "float16");
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  } finally {
    await device.close();
  }
}

async function startUp({ program, rounds }: BenchmarkOptions, course: Course): Promise<StartUp> {
  course.note("start-up");
  return measureStartUp(program, rounds, course);
}

async function limits(
  { device = "cpu", sizes, rounds, multipliers }: BenchmarkOptions,
  course: Course,
): Promise<Limits[]> {
  const all = [await ownMultiplier(device), ...((await multipliers?.()) ?? [])];
  const measured: Limits[] = [];
  for (const size of sizes) {
    const products = `matrix products of ${size}`;
    if (!course.begins(products)) continue;
    course.note(products);
    measured.push(await measureLimits(workOf(size, "tokenformer"), all, { rounds, runs: 3, ...course }));
  }
  await Promise.all(all.map((multiplier) => multiplier.close()));
  return measured;
}

async function steps(
  { device = "cpu", sizes, rounds, peers, compared }: BenchmarkOptions,
  { note, begins, end }: Course & { readonly end: number },
  half: boolean,
): Promise<StepComparison[]> {
  const works = sizes.flatMap((size) => workModels.map((type) => workOf(size, type)));
  const comparisons: StepComparison[] = [];
  for (const [index, work] of works.entries()) {
    const startedAt = performance.now();
    const training = `training steps of ${work.config.type} at ${work.name}`;
    if (!begins(training)) continue;
    note(`${training}, ${index + 1} of ${works.length}`);
    const others = (await peers?.(work)) ?? [];
    const comparison = await compareSteps(work, sidesOf(work, { device, half }, others), {
      rounds,
      steps: stepsOfTurn[work.name],
      // With others, enough to compare 20 losses, unless time is short.
      warm: others.length > 0 && end === Infinity ? 20 : 2,
      until: startedAt + (end - startedAt) / (works.length - index),
      note,
    });
    comparisons.push(comparison);
    compared?.(comparison);
  }
  return comparisons;
}

async function growth({ large }: BenchmarkOptions, { note, begins }: Course): Promise<GrowthRow[]> {
  const rows: GrowthRow[] = [];
  for (const stage of [miniStage, ...(large ? largeStages : [])]) {
    const growing = `growth: ${stage.name}`;
    if (!begins(growing)) continue;
    note(growing);
    const row = await measureGrowth(stage);
    note(`  ${formatDuration(row.growth)}`);
    rows.push(row);
  }
  return rows;
}
