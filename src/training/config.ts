/** The configuration of a run: one schema for files, the command line and the library. */

import { z } from "zod";
import { growthPlanSchema } from "../growth/index.ts";
import { modelSchema } from "../model/index.ts";
import { scheduleSchema } from "./schedule.ts";

/** Version of the files of a checkpoint. A program reads its own and older ones. */
export const FORMAT_VERSION = 1;

const count = z.int().positive();
const natural = z.int().nonnegative();

export const trainingSchema = z.strictObject({
  /** Updates in all. */
  steps: count.default(2000),
  /** Sequences of an update. */
  batch: count.default(12),
  /**
   * Sequences of one pass; the gradients of the passes of an update add up to those of the whole batch. Default: as many as
   * make 4096 tokens, at least one: more cost memory and are not faster.
   */
  microBatch: count.optional(),
  /** The highest learning rate. */
  learningRate: z.number().positive().default(1e-3),
  /** Where the schedule ends. Default: a tenth of the learning rate. */
  minimumLearningRate: z.number().nonnegative().optional(),
  schedule: scheduleSchema.default("cosine"),
  /** Updates over which the learning rate rises from zero. */
  warmup: natural.default(100),
  /** Share of the steps over which `warmup-stable-decay` falls at the end. */
  decayFraction: z.number().gt(0).max(1).default(0.2),
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.99),
  epsilon: z.number().positive().default(1e-8),
  /** Decoupled decay of matrices. */
  weightDecay: z.number().nonnegative().default(0.1),
  /** The largest global norm of the gradients; 0: no limit. */
  clip: z.number().nonnegative().default(1),
  /** Seeds the initial weights, the batches, dropout and growth. */
  seed: natural.default(1),
  /** Updates between two evaluations on the validation split; 0: only at the end. */
  evaluateEvery: natural.default(250),
  /** Validation tokens of such an evaluation, from the beginning of the split; 0: all. */
  evaluationTokens: natural.default(65_536),
  /** Updates between two checkpoints; 0: only at the end. */
  checkpointEvery: natural.default(500),
});

export const tokenizerSchema = z
  .string()
  .regex(
    /^(character|bpe:\d+|.+\.json)$/,
    'expected "character", "bpe:" and a vocabulary size such as "bpe:1024", or a tokenizer.json',
  );

export const configSchema = z
  .strictObject({
    formatVersion: z.literal(FORMAT_VERSION).default(FORMAT_VERSION),
    model: modelSchema,
    training: trainingSchema.prefault({}),
    /** How text becomes tokens: by characters, by a byte-pair encoding trained on the text, or by a tokenizer.json. */
    tokenizer: tokenizerSchema.default("character"),
    /** Growth while training: each plan is applied after `step` updates. */
    growth: z.array(growthPlanSchema.extend({ step: natural })).default([]),
  })
  .check((context) => {
    const { growth, model, training } = context.value;
    const add = (path: (string | number)[], message: string, input: unknown) =>
      context.issues.push({ code: "custom", path, message, input });
    if (growth.length > 0 && model.type !== "tokenformer") {
      add(["growth"], `a ${model.type} has no parameter tokens; only a model of type "tokenformer" grows`, growth);
    }
    growth.forEach(({ step }, index) => {
      if (step >= training.steps) {
        add(["growth", index, "step"], `is ${step}, but training ends after ${training.steps} steps`, step);
      }
    });
  });

export type Config = z.infer<typeof configSchema>;
export type TrainingConfig = Config["training"];
export type ScheduledGrowth = Config["growth"][number];

/** Sequences of one pass. */
export function microBatchOf({ training, model }: Config): number {
  return Math.min(training.batch, training.microBatch ?? Math.max(1, Math.floor(4096 / model.context)));
}
