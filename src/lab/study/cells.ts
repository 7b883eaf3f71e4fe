/** Cells: the training recipes of a study, each a configuration but for its learning rate and seed. */

import { type Config, configSchema, growthPlansOf } from "../../configuration/index.ts";
import { UserError } from "../../errors.ts";
import { checkPlans } from "../../growth/index.ts";
import { type CompleteModelConfig, countParameters } from "../../model/index.ts";
import { type CompleteStudy, flopsPerStep } from "./models.ts";

/** A model, for how many updates, and how it came from the one before. */
export interface Phase {
  readonly model: CompleteModelConfig;
  readonly steps: number;
  /** What makes it from the model before, but for the step. Missing in the first phase. */
  readonly growth?: Readonly<Record<string, unknown>>;
}

/** A training recipe. */
export interface Cell {
  /** For example "scratch-flops/2". */
  readonly id: string;
  /** The configuration of its runs, with a learning rate and a seed to be replaced. */
  readonly config: Config;
  /** The updates after which it has spent its budget for a size, ascending. */
  readonly milestones: readonly Milestone[];
  /** The cell whose finished run of the same seed each run starts from. */
  readonly from?: string;
  /** Updates that `from` has made. */
  readonly begins: number;
  /** Floating-point operations of one run, without what `from` has spent. */
  readonly flops: number;
  readonly parameters: number;
}

export interface Milestone {
  readonly stage: number;
  readonly step: number;
  readonly parameters: number;
}

/** The share of the updates until the next growth that is the short lag after one. */
export const LAG = 0.02;

/** Validations after these shares of a phase: dense at the beginning, where a growth is overcome. */
const VALIDATED = [LAG, 0.04, 0.08, 0.16, 0.3, 0.44, 0.58, 0.72, 0.86];

export interface CellOptions {
  readonly id: string;
  readonly phases: readonly Phase[];
  /** The size of the last phase; phases before it are of the sizes before. Default: only the end counts. */
  readonly stage: number;
  /** Whether each phase ends with an outcome, for the sizes up to `stage`. */
  readonly everyStage?: boolean;
  /** The first phase is another cell's run. */
  readonly from?: string;
  readonly training?: Partial<Config["training"]>;
}

export function cellOf(study: CompleteStudy, options: CellOptions): Cell {
  const { id, phases, stage, everyStage = false, from, training = {} } = options;
  const ends = phases.map((_, index) => phases.slice(0, index + 1).reduce((sum, { steps }) => sum + steps, 0));
  const [first] = phases;
  const steps = ends.at(-1);
  if (first === undefined || steps === undefined) throw new Error(`internal: the cell ${id} has no phases`);
  const startOf = (index: number) => ends[index - 1] ?? 0;
  const config = configSchema.parse({
    model: modelInput(first.model),
    tokenizer: study.tokenizer,
    training: {
      ...study.training,
      ...training,
      steps,
      learningRate: study.learningRates[0],
      evaluateEvery: 0,
      evaluateAt: phases.flatMap((phase, index) => validatedAt(startOf(index), phase.steps)),
      keepBest: false,
    },
    growth: phases.flatMap(({ growth }, index) => (growth === undefined ? [] : [{ ...growth, step: startOf(index) }])),
  });
  const begins = from === undefined ? 0 : (ends[0] ?? 0);
  const own = phases.filter((_, index) => ends[index] !== begins || begins === 0);
  const milestones = phases.flatMap(({ model }, index): Milestone[] => {
    const isLast = index === phases.length - 1;
    if (!isLast && !everyStage) return [];
    return [
      { stage: stage - (phases.length - 1 - index), step: ends[index] ?? 0, parameters: countParameters(model).total },
    ];
  });
  return {
    id,
    config,
    milestones,
    ...(from !== undefined && { from }),
    begins,
    flops: own.reduce((sum, { model, steps }) => sum + steps * flopsPerStep(study, model), 0),
    parameters: milestones.at(-1)?.parameters ?? 0,
  };
}

/** Updates that are a share of some, at least one: where losses are measured there, and where they are looked up. */
export const partOf = (share: number, steps: number): number => Math.max(1, Math.round(share * steps));

function validatedAt(start: number, steps: number): number[] {
  return [...new Set(VALIDATED.map((share) => start + partOf(share, steps)))].filter((step) => step < start + steps);
}

/** τ is left to the run, which starts from the square root of the number of tokens. */
function modelInput(model: CompleteModelConfig): CompleteModelConfig {
  if (model.type !== "tokenformer") return model;
  const { tau: _, ...rest } = model;
  return rest;
}

/**
 * Checks that a run can grow as its configuration says, before others of a study take hours.
 * @param told the message, of what is wrong. Default: that alone
 * @throws UserError where it cannot
 */
export function checkGrowth(config: Config, told: (fault: string) => string = (fault) => fault): void {
  try {
    checkPlans(config.model, growthPlansOf(config));
  } catch (error) {
    throw error instanceof UserError ? new UserError(told(error.message), { cause: error }) : error;
  }
}

/** The configuration of one run of a cell. */
export function cellConfig({ config }: Cell, learningRate: number, seed: number): Config {
  return { ...config, training: { ...config.training, learningRate, seed } };
}
