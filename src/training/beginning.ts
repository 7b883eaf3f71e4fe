/** What a run begins with: a new model, or a checkpoint. */

import { isDeepStrictEqual } from "node:util";
import { UserError } from "../errors.ts";
import { recoverDirectory } from "../formats/index.ts";
import { checkPlans, type ModelState } from "../growth/index.ts";
import { type ModelConfig, modelOf, sites, sizesOf, withSites } from "../model/index.ts";
import type { Corpus } from "../text/index.ts";
import { type Checkpoint, completed, hasCheckpoint, loadCheckpoint, type Progress } from "./checkpoint.ts";
import { type Config, growthPlansOf, type ScheduledGrowth } from "./config.ts";
import { openCorpus } from "./data.ts";
import { initialState } from "./trainer.ts";

/** What to train, and where it goes on from. */
export interface BeginningOptions {
  readonly config: Config;
  /** A text file, a token file, a folder of both splits, or an opened corpus. Default: the embedded book. */
  readonly data: string | Corpus;
  /** Where checkpoints and `metrics.jsonl` go. Default: nowhere. */
  readonly out?: string;
  /**
   * Goes on from the checkpoint in `out`, if there is one, with its weights, tokenizer and model, and with the growth that it
   * has applied: plans that repeat it are not applied again. Default false.
   */
  readonly resume?: boolean;
}

export interface Beginning {
  readonly config: Config;
  readonly corpus: Corpus;
  readonly state: ModelState;
  readonly progress: Progress;
}

/** Reads what is there to go on from, or makes a new model. Throws a `UserError` as `train` does. */
export async function beginning(options: BeginningOptions): Promise<Beginning> {
  const { out, resume = false } = options;
  if (out === undefined || !(await hasCheckpoint(out))) return fresh(options);
  if (!resume) throw new UserError(`${out}: already holds a run; go on with --resume, or choose another folder`);
  return resumed(out, options);
}

async function resumed(out: string, { config: wanted, data }: BeginningOptions): Promise<Beginning> {
  const checkpoint = await loadCheckpoint(out);
  const { state, tokenizer, progress } = checkpoint;
  const growth = continuedGrowth(checkpoint, wanted);
  const config = { ...wanted, growth, model: state.config };
  checkGrowth(state.config, growth.slice(progress.growthsDone), state.step, config.training.steps);
  await recoverDirectory(out);
  const corpus = typeof data === "string" ? await openCorpus(data, tokenizer) : data;
  return { config, corpus, state, progress };
}

async function fresh({ config, data }: BeginningOptions): Promise<Beginning> {
  checkGrowth(config.model, growthPlansOf(config), 0, config.training.steps);
  const corpus = typeof data === "string" ? await openCorpus(data, config.tokenizer) : data;
  const chosen = completed(config.model, corpus.tokenizer, "the configuration");
  // τ is written down from the beginning, so that it stays what it was when the number of tokens changes.
  const model = chosen.type === "tokenformer" ? withSites(chosen, sites(chosen)) : chosen;
  const state: ModelState = {
    ...initialState(modelOf(model), config.training.seed, sizesOf(model)),
    config: model,
    ramps: [],
    rewarm: undefined,
  };
  const progress: Progress = { tokens: 0, flops: 0, seconds: 0, growthsDone: 0 };
  return { config: { ...config, model }, corpus, state, progress };
}

/** The growth of a run that goes on: what its checkpoint has applied, then what is asked for beside that. */
function continuedGrowth({ config, progress }: Checkpoint, wanted: Config): ScheduledGrowth[] {
  const applied = growthPlansOf(config).slice(0, progress.growthsDone);
  const plans = growthPlansOf(wanted);
  const isRepeated = isDeepStrictEqual(asJson(plans.slice(0, applied.length)), asJson(applied));
  return [...applied, ...(isRepeated ? plans.slice(applied.length) : plans)];
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
