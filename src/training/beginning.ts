/** What a run begins with: a new model, or a checkpoint. */

import { isDeepStrictEqual } from "node:util";
import { UserError } from "../errors.ts";
import { recoverDirectory } from "../formats/index.ts";
import { checkPlans, type ModelState, rampedTau, type TauRamp } from "../growth/index.ts";
import { type Complete, type ModelConfig, modelOf, sites, sizesOf, withSites } from "../model/index.ts";
import type { Corpus, Tokenizer } from "../text/index.ts";
import {
  type Checkpoint,
  chosenTokenizer,
  completed,
  hasCheckpoint,
  loadCheckpoint,
  type Progress,
} from "./checkpoint.ts";
import { type Config, growthPlansOf, type ScheduledGrowth } from "./config.ts";
import { isCorpus, openCorpus } from "./data.ts";
import type { DataSource } from "./data-files.ts";
import { initialState } from "./trainer.ts";

/** What to train, and where it goes on from. */
export interface BeginningOptions {
  readonly config: Config;
  /** Texts or token files by their names, or an opened corpus. */
  readonly data: DataSource | Corpus;
  /** Where checkpoints and `metrics.jsonl` go. Default: nowhere. */
  readonly out?: string;
  /**
   * Goes on from the checkpoint in `out`, if there is one, with its weights, tokenizer and model, and with the growth that it
   * has applied: plans that repeat it are not applied again. Default false.
   */
  readonly resume?: boolean;
  /**
   * The folder of a run, or a checkpoint, that a new run goes on from, with its weights, optimiser state, tokenizer, model and
   * applied growth, but with the training and the growth to come of `config`. Steps, and with them the data and the schedule,
   * count from the beginning of the first run, so `training.steps` has to be more than it has made. Of `config.model`, the
   * dropout may differ. Where `resume` finds a checkpoint in `out`, that one is gone on from instead.
   */
  readonly from?: string | Checkpoint;
  /** With `from`: of the checkpoint, takes the weights, tokenizer and model alone; steps count from 0. Default false. */
  readonly restart?: boolean;
}

export interface Beginning {
  readonly config: Config;
  readonly corpus: Corpus;
  readonly state: ModelState;
  readonly progress: Progress;
}

/** Reads what is there to go on from, or makes a new model. Throws a `UserError` as `train` does. */
export async function beginning(options: BeginningOptions): Promise<Beginning> {
  const { out, resume = false, from } = options;
  if (out !== undefined && (await hasCheckpoint(out))) {
    if (!resume) throw new UserError(`${out}: already holds a run; go on with --resume, or choose another folder`);
    return resumed(out, options);
  }
  return from === undefined ? fresh(options) : startedFrom(from, options);
}

async function resumed(out: string, options: BeginningOptions): Promise<Beginning> {
  const checkpoint = await loadCheckpoint(out);
  const { state, progress } = checkpoint;
  const continued = await wentOn(checkpoint, out, { state, progress }, options);
  await recoverDirectory(out);
  return continued;
}

async function startedFrom(from: string | Checkpoint, options: BeginningOptions): Promise<Beginning> {
  const checkpoint = typeof from === "string" ? await loadCheckpoint(from) : from;
  const where = typeof from === "string" ? from : "the checkpoint";
  const model = sameModel(checkpoint.state.config, options.config.model, where);
  const { restart = false, config } = options;
  if (restart) {
    const state = rewound({ ...checkpoint.state, config: model });
    return wentOn(checkpoint, where, { state, progress: NO_PROGRESS }, options);
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
  return wentOn(checkpoint, where, going, options);
}

/** What goes on from a checkpoint, by its tokenizer. */
async function wentOn(
  checkpoint: Checkpoint,
  where: string,
  { state, progress }: Pick<Beginning, "state" | "progress">,
  { config: wanted, data }: BeginningOptions,
): Promise<Beginning> {
  const applied = growthPlansOf(checkpoint.config).slice(0, progress.growthsDone);
  const growth = continuedGrowth(applied, growthPlansOf(wanted));
  const tokenizer = checkpoint.tokenizer === undefined ? wanted.tokenizer : checkpoint.config.tokenizer;
  const config = { ...wanted, growth, tokenizer, model: state.config };
  checkGrowth(state.config, growth.slice(applied.length), state.step, config.training.steps);
  const corpus = isCorpus(data) ? data : await openCorpus(data, await tokenizerOf(checkpoint, where, wanted));
  return { config, corpus, state, progress };
}

/** The checkpoint's tokenizer; for a model that came without one, that of the configuration where it names a file. */
async function tokenizerOf(checkpoint: Checkpoint, where: string, { tokenizer }: Config): Promise<Tokenizer> {
  const named = checkpoint.tokenizer === undefined && tokenizer.endsWith(".json");
  return chosenTokenizer(checkpoint, where, named ? tokenizer : undefined);
}

async function fresh({ config, data }: BeginningOptions): Promise<Beginning> {
  checkGrowth(config.model, growthPlansOf(config), 0, config.training.steps);
  const corpus = isCorpus(data) ? data : await openCorpus(data, config.tokenizer);
  const chosen = completed(config.model, corpus.tokenizer, "the configuration");
  // τ is written down from the beginning, so that it stays what it was when the number of tokens changes.
  const model = chosen.type === "tokenformer" ? withSites(chosen, sites(chosen)) : chosen;
  const state: ModelState = {
    ...initialState(modelOf(model), config.training.seed, sizesOf(model)),
    config: model,
    ramps: [],
    rewarm: undefined,
  };
  return { config: { ...config, model }, corpus, state, progress: NO_PROGRESS };
}

const NO_PROGRESS: Progress = { start: 0, tokens: 0, flops: 0, seconds: 0, growthsDone: 0 };

/** The growth of a run that goes on: what has been applied, then what is asked for beside that. */
function continuedGrowth(applied: readonly ScheduledGrowth[], plans: readonly ScheduledGrowth[]): ScheduledGrowth[] {
  const isRepeated = isDeepStrictEqual(asJson(plans.slice(0, applied.length)), asJson(applied));
  return [...applied, ...(isRepeated ? plans.slice(applied.length) : plans)];
}

/**
 * The model of a checkpoint, with the dropout of a configuration.
 * @throws UserError if they differ in anything else
 */
function sameModel(model: Complete, wanted: ModelConfig, where: string): Complete {
  const { dropout: _, ...known }: Record<string, unknown> = { ...model };
  for (const [key, value] of Object.entries({ ...wanted, dropout: undefined })) {
    if (value === undefined || isDeepStrictEqual(value, known[key])) continue;
    throw new UserError(
      `${where}: its model.${key} is ${JSON.stringify(known[key])}, not ${JSON.stringify(value)}; going on from there keeps its model: leave the model out, or give that of its config.json`,
    );
  }
  return model.type === "bigram" || wanted.type === "bigram" ? model : { ...model, dropout: wanted.dropout };
}

/** The weights as those of a model that has not been trained. Ramps of τ go on. */
function rewound(state: ModelState): ModelState {
  const lineage = [...state.lineage].map(([path, generations]) => {
    const reset = generations.map(({ tokens, init }) => ({ tokens, init, born: 0, updates: 0, frozenUntil: 0 }));
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

/** A value as a file would give it back: without keys that are undefined. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** Checks growth that is to come, before any time is spent on it. Throws a `UserError`. */
function checkGrowth(model: ModelConfig, plans: readonly ScheduledGrowth[], step: number, steps: number): void {
  for (const plan of plans) {
    if (plan.step < step)
      throw new UserError(
        `growth at step ${plan.step}: the run is at step ${step} already; grow at that step or later`,
      );
    if (plan.step >= steps)
      throw new UserError(
        `growth at step ${plan.step}: training ends after ${steps} steps; grow earlier, or raise training.steps`,
      );
  }
  checkPlans(model, plans);
}
