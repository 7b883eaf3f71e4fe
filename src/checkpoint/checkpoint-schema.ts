/**
 * What a checkpoint is: files with everything that a run needs to go on.
 *
 * - `config.json`: model, training, tokenizer and growth plans
 * - `model.safetensors`: the parameters
 * - `optimizer.safetensors`: Adam's moments, `first.<parameter>` and `second.<parameter>`, of what learns, and, where ranks make
 *   updates by themselves, the momentum of the outer optimiser, `outer.<parameter>`
 * - `tokenizer.json`, and `tokenizer_config.json` where it is known how conversations become texts
 * - `training.json`: the step, what learns if that is not all, the lineage of the parameter tokens, ramps, and what has been measured
 */

import { z } from "zod";
import { FORMAT_VERSION, type RunConfig } from "../configuration/index.ts";
import { type DataContent, type DataFiles, dataContentSchema, dataFilesSchema } from "../data/portable.ts";
import { type ModelState, withoutMoments } from "../growth/index.ts";
import type { Tokenizer } from "../text/portable.ts";
import { type LearningPart, learningPartSchema } from "./learning-part.ts";

/** The file of the optimiser's state. */
export const OPTIMIZER = "optimizer.safetensors";

/** The files of a checkpoint, which replace each other together. */
export const CHECKPOINT_FILES = [
  "config.json",
  "model.safetensors",
  OPTIMIZER,
  "tokenizer.json",
  "tokenizer_config.json",
  "training.json",
] as const;

const natural = z.int().nonnegative();

const progressSchema = z.strictObject({
  /** The step that the run began at: 0, or that of the checkpoint that it started from. */
  start: natural.default(0),
  /** Tokens, floating-point operations and seconds of training so far. */
  tokens: natural,
  flops: z.number().nonnegative(),
  seconds: z.number().nonnegative(),
  /** How many of the configuration's growth plans have been applied. */
  growthsDone: natural,
  /** The lowest validation loss, and the step at which it was measured. */
  best: z.strictObject({ step: natural, validationLoss: z.number() }).optional(),
});

/** What a run has done so far, beside its state. */
export type Progress = z.infer<typeof progressSchema>;

export const trainingFileSchema = z.strictObject({
  formatVersion: z.literal(FORMAT_VERSION),
  step: natural,
  /** Where the data goes on: batches are drawn from the seed and the step alone. */
  data: z.strictObject({
    name: z.string(),
    files: dataFilesSchema.optional(),
    /** What the data was. Absent where an older version wrote it. */
    content: dataContentSchema.optional(),
    seed: natural,
    nextStep: natural,
  }),
  updates: natural,
  /** The part of the model that learns. Absent where all of it does. */
  part: learningPartSchema.optional(),
  lineage: z.record(
    z.string(),
    z.array(
      z.strictObject({
        tokens: z.int().positive(),
        born: natural,
        init: z.string(),
        lost: natural.optional(),
        updates: natural,
        frozenUntil: natural,
        warmup: natural.optional(),
        boost: z.strictObject({ rate: z.number().positive(), steps: natural }).optional(),
      }),
    ),
  ),
  ramps: z.array(
    z.strictObject({ site: z.string(), from: z.number(), to: z.number(), start: natural, steps: z.int().positive() }),
  ),
  rewarm: z.strictObject({ start: natural, steps: natural }).optional(),
  progress: progressSchema,
});

/** A checkpoint without its weights and the state of its optimiser. */
export interface CheckpointSummary {
  /** The configuration, whose model is that of the state. */
  readonly config: RunConfig;
  readonly state: Omit<ModelState, "parameters" | "moments">;
  /** The tokenizer. Absent where a model came without one. */
  readonly tokenizer: Tokenizer | undefined;
  /** What messages call the text that it was trained on; empty for a model from elsewhere. */
  readonly dataName: string;
  /** Where that text is. Absent where the caller opened it; then its name may be a path. */
  readonly data?: DataFiles | undefined;
  /** What that text was, so that another one under the same name is noticed. Absent where it is not known. */
  readonly content?: DataContent | undefined;
  readonly progress: Progress;
  /** The part of the model that learns. Absent where all of it does. */
  readonly part?: LearningPart | undefined;
  /** What made files of an older version readable, to be told: "run/training.json: the version is noted". */
  readonly patches?: readonly string[];
}

export interface Checkpoint extends CheckpointSummary {
  readonly state: ModelState;
}

/** A checkpoint with another state of its model. */
export function withState<From extends CheckpointSummary>(checkpoint: From, state: ModelState) {
  return { ...checkpoint, config: { ...checkpoint.config, model: state.config }, state };
}

/** The checkpoint as one all of which learns from here on. Moments that a part alone has are left out. */
export function withoutPart({ part, ...checkpoint }: Checkpoint): Checkpoint {
  return part === undefined ? checkpoint : { ...checkpoint, state: withoutMoments(checkpoint.state) };
}
