/** How a run starts: with a new model, where a checkpoint stopped, or from the weights of one. */

import { type Checkpoint, type LearningPart, learningIn, type Progress, withoutPart } from "../checkpoint/portable.ts";
import {
  type Config,
  exchangeComplaint,
  growthPlansOf,
  type RunConfig,
  type ScheduledGrowth,
  type StartEvent,
  type TrainingConfig,
} from "../configuration/index.ts";
import { checkVocabulary, modelWithVocabulary } from "../data/portable.ts";
import { UserError } from "../errors.ts";
import { sameJson } from "../formats/portable.ts";
import { checkPlans, type ModelState, rampedTau, type TauRamp, widenVocabulary } from "../growth/index.ts";
import {
  type CompleteModelConfig,
  countParameters,
  isOwn,
  type ModelConfig,
  modelOf,
  sites,
  sizesOf,
  withSites,
} from "../model/index.ts";
import { requireHalfProducts } from "../runtime/portable.ts";
import {
  type Corpus,
  checkCorpus,
  closeCorpus,
  hasDocuments,
  isExtension,
  longDocuments,
  type Tokenizer,
} from "../text/portable.ts";
import { initialState } from "./initial-state.ts";
import { checkMemory, checkMemoryOfPart, type MemoryBudget } from "./memory.ts";
import { ALONE, checkBatch } from "./ranks.ts";
import type { RunPlace } from "./run-place.ts";
import type { Trainer } from "./trainer.ts";
import { Validation } from "./validation.ts";

/** What to train on, and within which bounds. */
export interface RunInput {
  /**
   * An opened corpus, or what opens one, given the tokenizer of the checkpoint that is gone on from, or else the choice of the
   * configuration.
   */
  readonly corpus: Corpus | ((tokenizer: Tokenizer | string) => Corpus | Promise<Corpus>);
  /** The memory that training may take; what needs more is refused before anything is allocated. Default: any. */
  readonly memory?: MemoryBudget | undefined;
}

/** What to go on with from a checkpoint. */
export interface ContinueOptions extends RunInput {
  /** Default: that of the checkpoint. */
  readonly config?: Config | undefined;
  /** What messages call the checkpoint. Default "the checkpoint". */
  readonly where?: string | undefined;
}

/** Everything that a run computes from, on the host, before there is anything on a device. */
export interface RunStart {
  readonly config: RunConfig;
  readonly corpus: Corpus;
  readonly state: ModelState;
  readonly progress: Progress;
  /** What learns; the run does not grow then. Default: all. */
  readonly part?: LearningPart | undefined;
}

/**
 * A new model. Throws a `UserError` for growth that cannot be, a model that the tokenizer does not fit, or one that is too large
 * for the memory.
 */
export async function newStart(config: Config, { corpus: given, memory }: RunInput): Promise<RunStart> {
  // Before the text is read, too: a model may be too large by far.
  if (memory !== undefined) checkMemory(config, config.model, memory);
  checkGrowth(config.model, growthPlansOf(config), 0, config.training);
  const corpus = await openedCorpus(given, config.tokenizer);
  const chosen = fitting(corpus, given, () => {
    const model = modelWithVocabulary(config.model, corpus.tokenizer, "the configuration");
    if (memory !== undefined) checkMemory(config, model, memory, growthPlansOf(config));
    return model;
  });
  // τ is written down from the beginning, so that it stays what it was when the number of tokens changes.
  const model = withSites(chosen, sites(chosen));
  const state: ModelState = {
    ...initialState(modelOf(model), config.training.seed, sizesOf(model)),
    config: model,
    ramps: [],
    rewarm: undefined,
  };
  return { config: { ...config, model }, corpus, state, progress: NO_PROGRESS };
}

/**
 * The run of a checkpoint, as it was: with its weights, tokenizer and model, but for the dropout, and with the growth that it has
 * applied; plans that repeat it are not applied again. Throws a `UserError` for growth that cannot be, or another tokenizer.
 */
export async function resumedStart(checkpoint: Checkpoint, options: ContinueOptions): Promise<RunStart> {
  const { progress, config: own } = checkpoint;
  const { model } = options.config ?? own;
  const state = { ...checkpoint.state, config: withDropout(checkpoint.state.config, model) };
  return continued(checkpoint, { state, progress }, options);
}

/**
 * Another run from the weights of a checkpoint, all of which learns: see `Run.from`. Throws a `UserError` as `resumedStart` does, for another model,
 * and where nothing is left to train.
 * @param restart takes the weights, tokenizer and model alone; steps count from 0, and by the checkpoint's own configuration the run
 * grows by the plans alone that it has not applied. Throws a `UserError` for a given one that it has
 */
export async function branchedStart(
  from: Checkpoint,
  { restart = false, ...options }: ContinueOptions & { readonly restart?: boolean | undefined },
): Promise<RunStart> {
  const checkpoint = withoutPart(from);
  const { config = checkpoint.config, where = CHECKPOINT } = options;
  const model = sameModel(checkpoint.state.config, config.model, where);
  if (restart) {
    const state = rewound({ ...checkpoint.state, config: model });
    const growth = growthAnew(checkpoint, options.config, where);
    return continued(checkpoint, { state, progress: NO_PROGRESS }, { ...options, config: { ...config, growth } });
  }
  const { step } = checkpoint.state;
  const { steps } = config.training;
  if (steps <= step) {
    throw new UserError(
      `${where}: is at step ${step}, and training ends after ${steps} steps, counted from the beginning of the first run; raise training.steps, or restart from step 0`,
    );
  }
  const { best: _, ...progress } = checkpoint.progress;
  const going = { state: { ...checkpoint.state, config: model }, progress: { ...progress, start: step } };
  return continued(checkpoint, going, options);
}

/**
 * The progress of a run that is resumed beside what it kept for its validation loss, which may be newer than the checkpoint that it
 * goes on from: that stays until the run has a lower loss. It counts also where it is of a step to come, as those updates may be others
 * this time, and of a model that has grown since, as a run compares its losses across growth.
 */
export function withKept(progress: Progress, kept: Progress["best"]): Progress {
  const { validationLoss: known = Number.POSITIVE_INFINITY } = progress.best ?? {};
  return kept !== undefined && kept.validationLoss < known ? { ...progress, best: kept } : progress;
}

const CHECKPOINT = "the checkpoint";

/** The start of a run that goes on from a checkpoint, by its tokenizer. */
async function continued(
  checkpoint: Checkpoint,
  { state, progress }: Pick<RunStart, "state" | "progress">,
  { config: wanted = checkpoint.config, corpus: given, where = CHECKPOINT, memory }: ContinueOptions,
): Promise<RunStart> {
  const { applied, coming } = growthGoingOn(checkpoint.config, progress, wanted);
  const tokenizer = checkpoint.tokenizer === undefined ? wanted.tokenizer : checkpoint.config.tokenizer;
  const config = { ...wanted, growth: [...applied, ...coming], tokenizer, model: state.config };
  checkGrowth(state.config, coming, state.step, config.training);
  const { part } = checkpoint;
  if (memory !== undefined) {
    if (part === undefined) checkMemory(config, state.config, memory, coming);
    else checkMemoryOfPart(config, learningIn(part, state.parameters), memory);
  }
  const corpus = await openedCorpus(given, checkpoint.tokenizer ?? wanted.tokenizer);
  const fitted = fitting(corpus, given, () => {
    const widened = withVocabulary(state, checkpoint.tokenizer, corpus.tokenizer, config.training.seed);
    checkVocabulary(corpus.tokenizer, widened.config, where);
    return widened;
  });
  const whole = { config: { ...config, model: fitted.config }, corpus, state: fitted, progress };
  return part === undefined ? whole : { ...whole, part };
}

/** A state with the tokens that a corpus has taken into the tokenizer of a checkpoint: see `extendVocabulary` of `DataFiles`. */
function withVocabulary(state: ModelState, before: Tokenizer | undefined, now: Tokenizer, seed: number): ModelState {
  const { vocabularySize } = now;
  const isExtended = before !== undefined && isExtension(before, now);
  return isExtended && vocabularySize > state.config.vocabulary ? widenVocabulary(state, vocabularySize, seed) : state;
}

async function openedCorpus(corpus: RunInput["corpus"], tokenizer: Tokenizer | string): Promise<Corpus> {
  return typeof corpus === "function" ? corpus(tokenizer) : corpus;
}

/** Checks a corpus. One that was opened here and does not fit is closed. */
function fitting<Result>(corpus: Corpus, given: RunInput["corpus"], check: () => Result): Result {
  try {
    return check();
  } catch (error) {
    if (typeof given === "function") closeCorpus(corpus);
    throw error;
  }
}

/**
 * Checks that a start can be trained where it is to be, with its held-out tokens read before anything is kept.
 * @throws UserError for too short a corpus, for held-out tokens that the tokenizer does not have, for a batch that leaves a rank
 * without a sequence, for a precision that the device lacks, and for several ranks, or exchanges between them, where a part alone learns
 */
export async function checkStart(
  { config, corpus, part }: Pick<RunStart, "config" | "corpus" | "part">,
  { device, communicator }: Pick<RunPlace, "device" | "communicator">,
): Promise<Validation> {
  if (part !== undefined && communicator !== undefined) {
    throw new UserError("a run of which a part alone learns is trained by one process; start it without ranks");
  }
  const { localSteps } = config.training;
  if (part !== undefined && localSteps > 1) {
    throw new UserError(
      `training.localSteps is ${localSteps}, expected 1: a skill is trained on one machine; leave it out`,
    );
  }
  const { context } = config.model;
  checkCorpus(corpus, context);
  checkBatch(config, communicator ?? ALONE);
  const validation = Validation.measured(corpus, { ...config.training, context, communicator });
  if (config.training.precision === "float16") await requireHalfProducts(device, 'training.precision "float16"');
  return validation;
}

/** Checks growth to come from a step on. Throws a `UserError` for what cannot be, and for want of memory. */
export function checkComing(
  config: RunConfig,
  coming: readonly ScheduledGrowth[],
  step: number,
  memory: MemoryBudget | undefined,
): void {
  checkGrowth(config.model, coming, step, config.training);
  if (memory !== undefined) checkMemory(config, config.model, memory, coming);
}

/** What is told of a run when it starts, or goes on. */
export function startEvent(
  { corpus, config, part }: Pick<RunStart, "corpus" | "config" | "part">,
  { device, step, learning }: Trainer,
  flopsPerToken: number,
  { dataChange: change }: RunPlace,
): StartEvent {
  const { train, validation, name, tokenizer } = corpus;
  return {
    type: "start",
    config,
    step,
    parameters: countParameters(config.model),
    ...(part !== undefined && { learning }),
    flopsPerToken,
    device: device.description,
    data: {
      name,
      trainTokens: train.length,
      validationTokens: validation.length,
      vocabulary: tokenizer.vocabularySize,
      ...(hasDocuments(train) && { longDocuments: longDocuments(train, config.model.context) }),
      change,
    },
  };
}

export const NO_PROGRESS: Progress = { start: 0, tokens: 0, flops: 0, seconds: 0, growthsDone: 0 };

/** The growth of a run that goes on: what it has applied, by its own configuration, and what is to come by the wanted one. */
export function growthGoingOn(
  own: Pick<Config, "growth">,
  { growthsDone }: Pick<Progress, "growthsDone">,
  wanted: Pick<Config, "growth">,
): { readonly applied: readonly ScheduledGrowth[]; readonly coming: readonly ScheduledGrowth[] } {
  const applied = growthPlansOf(own).slice(0, growthsDone);
  return { applied, coming: plansToCome(growthPlansOf(wanted), applied) };
}

/**
 * The plans without those that a checkpoint has applied: each of these takes the place of one, wherever that is, as growth by hand may
 * have come between them.
 */
function plansToCome(plans: readonly ScheduledGrowth[], applied: readonly ScheduledGrowth[]): ScheduledGrowth[] {
  return applied.reduce<ScheduledGrowth[]>(
    (left, done) => {
      const index = left.findIndex((plan) => sameJson(plan, done));
      return index < 0 ? left : left.toSpliced(index, 1);
    },
    [...plans],
  );
}

/**
 * The growth of a run that begins anew with the model of a checkpoint, which has grown so far: by the checkpoint's own configuration, what
 * is left of it.
 * @throws UserError for a given plan that the checkpoint has applied: whether it is meant once more cannot be told
 */
function growthAnew({ config, progress }: Checkpoint, given: Config | undefined, where: string): ScheduledGrowth[] {
  const plans = growthPlansOf(config);
  const applied = plans.slice(0, progress.growthsDone);
  if (given === undefined) return plans.slice(applied.length);
  const repeated = given.growth.find((plan) => applied.some((done) => sameJson(plan, done)));
  if (repeated === undefined) return given.growth;
  throw new UserError(
    `${where}: has grown by the plan of step ${repeated.step} already, and a restart keeps its model; leave that plan out, or grow so once more at another step`,
  );
}

/**
 * The model of a checkpoint, with the dropout of a configuration.
 * @throws UserError if they differ in anything else
 */
function sameModel(model: CompleteModelConfig, wanted: ModelConfig, where: string): CompleteModelConfig {
  const { dropout: _, ...known }: Record<string, unknown> = { ...model };
  for (const [key, value] of Object.entries({ ...wanted, dropout: undefined })) {
    if (value === undefined || sameJson(value, known[key])) continue;
    throw new UserError(
      `${where}: its model.${key} is ${JSON.stringify(known[key])}, not ${JSON.stringify(value)}; going on from there keeps its model: leave the model out, or give that of its config.json`,
    );
  }
  return withDropout(model, wanted);
}

function withDropout(model: CompleteModelConfig, wanted: ModelConfig): CompleteModelConfig {
  if (isOwn(model)) return "dropout" in model && isOwn(wanted) ? { ...model, dropout: wanted["dropout"] } : model;
  if (model.type === "bigram" || wanted.type === "bigram" || isOwn(wanted)) return model;
  return { ...model, dropout: wanted.dropout };
}

/** The weights as those of a model that has not been trained. Ramps of τ go on. */
function rewound(state: ModelState): ModelState {
  const lineage = [...state.lineage].map(([path, generations]) => {
    const reset = generations.map(({ tokens, init, lost }) => {
      return { tokens, init, ...(lost !== undefined && { lost }), born: 0, updates: 0, frozenUntil: 0 };
    });
    return [path, reset] as const;
  });
  const ramps = state.ramps.map((ramp): TauRamp => {
    const from = rampedTau(ramp, state.step);
    return { site: ramp.site, from, to: ramp.to, start: 0, steps: ramp.start + ramp.steps - state.step };
  });
  return {
    config: state.config,
    parameters: state.parameters,
    step: 0,
    moments: undefined,
    updates: 0,
    lineage: new Map(lineage),
    ramps,
    rewarm: undefined,
  };
}

/** Checks growth that is to come, before any time is spent on it. Throws a `UserError`. */
function checkGrowth(
  model: ModelConfig,
  plans: readonly ScheduledGrowth[],
  step: number,
  training: TrainingConfig,
): void {
  const { steps } = training;
  for (const plan of plans) {
    if (plan.step < step)
      throw new UserError(
        `growth at step ${plan.step}: the run is at step ${step} already; grow at that step or later`,
      );
    if (plan.step >= steps)
      throw new UserError(
        `growth at step ${plan.step}: training ends after ${steps} steps; grow earlier, or raise training.steps`,
      );
    const complaint = exchangeComplaint(plan.step, training);
    if (complaint !== undefined) throw new UserError(`growth.step ${complaint}`);
  }
  checkPlans(model, plans);
}
