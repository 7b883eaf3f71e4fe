/** The configuration of a run: one schema for files, the command line and the library. */

import { z } from "zod";
import {
  isTokenPlan,
  isWidthPlan,
  ownPlanSchema,
  planComplaint,
  planMismatch,
  tokenPlanSchema,
  widthPlanSchema,
} from "../growth/index.ts";
import { type CompleteModelConfig, modelSchema } from "../model/index.ts";
import { decayShapeSchema, type ScheduleOptions, scheduleSchema } from "../optimizer/index.ts";
import { precisions } from "../tensor/index.ts";
import { sequencesPerPass } from "../text/portable.ts";

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
   * make 4096 tokens, at least one.
   */
  microBatch: count.optional(),
  /** The highest learning rate. */
  learningRate: z.number().positive().default(1e-3),
  /** The rate at which the schedule ends. Default: a tenth of the learning rate. */
  minimumLearningRate: z.number().nonnegative().optional(),
  /**
   * The learning rate after the warm-up. `cosine`: falls along half a cosine to the end. `constant`: stays. `warmup-stable-decay`:
   * stays, and falls at the end, over `decayFraction`.
   */
  schedule: scheduleSchema.default("cosine"),
  /** Updates over which the learning rate rises from zero. */
  warmup: natural.default(100),
  /**
   * The precision of the matrix products of an update. With float16, which takes a GPU that has it, weights, optimiser and all else stay in
   * float32, and the loss is scaled; evaluations are in float32.
   */
  precision: z.enum(precisions).default("float32"),
  /** Share of the steps over which `warmup-stable-decay` falls at the end. */
  decayFraction: z.number().gt(0).max(1).default(0.2),
  /** How `warmup-stable-decay` falls: in a straight line, or by 1 - √, fast at first (arXiv 2405.18392). */
  decayShape: decayShapeSchema.default("linear"),
  /** Adam's β₁, by which the mean of the gradients forgets. */
  beta1: z.number().min(0).lt(1).default(0.9),
  /** Adam's β₂, by which the mean of their squares forgets. */
  beta2: z.number().min(0).lt(1).default(0.99),
  /** Adam's ε, added to the root of that mean. */
  epsilon: z.number().positive().default(1e-8),
  /** Decoupled decay of matrices. */
  weightDecay: z.number().nonnegative().default(0.1),
  /** The largest global norm of the gradients; 0: no limit. */
  clip: z.number().nonnegative().default(1),
  /**
   * Updates that each rank makes by itself, from its own part of each batch, between two exchanges (DiLoCo, arXiv 2311.08105): for
   * machines joined by an ordinary network. Whatever happens between updates happens at an exchange. 1: ranks make each update together.
   */
  localSteps: count.default(1),
  /** With `localSteps`: the rate of the outer optimiser, which moves the weights by the mean of what the ranks have learnt. */
  outerLearningRate: z.number().positive().default(0.7),
  /** With `localSteps`: the Nesterov momentum of the outer optimiser. */
  outerMomentum: z.number().min(0).lt(1).default(0.9),
  /**
   * How gradients go from rank to rank, and with `localSteps` what is exchanged: rounded to bfloat16 they are half as many bytes. They
   * are added up in float32, and weights are sent as they are.
   */
  communicationDtype: z.enum(["float32", "bfloat16"]).default("float32"),
  /** Seeds the initial weights, the batches, dropout and growth. */
  seed: natural.default(1),
  /** Updates between two evaluations on the validation split; 0: only at the end. */
  evaluateEvery: natural.default(250),
  /** More updates after which to evaluate. */
  evaluateAt: z.array(count).default([]),
  /** Validation tokens of such an evaluation, from the beginning of the split; 0: all. */
  evaluationTokens: natural.default(65_536),
  /** Updates between two checkpoints; 0: only at the end. */
  checkpointEvery: natural.default(500),
  /** Whether the weights of the lowest validation loss are kept too, in the folder `best` of the run. */
  keepBest: z.boolean().default(true),
});

export const tokenizerSchema = z
  .string()
  .regex(
    /^(none|ids|character|character\+unknown|bpe:\d+|.+\.json)$/,
    'expected "character", "character+unknown", "bpe:" and a vocabulary size such as "bpe:1024", a tokenizer.json, or "ids" for token files without one',
  );

/** The steps after which something happens that takes a model of all ranks, beside growth: what has been done of that stays as it was. */
function stepsOfEvents(training: z.infer<typeof trainingSchema>) {
  const { steps, evaluateEvery, checkpointEvery, evaluateAt } = training;
  return [
    ...Object.entries({ steps, evaluateEvery, checkpointEvery }).map(([key, step]) => ({
      path: ["training", key] as const,
      step,
    })),
    ...evaluateAt.map((step, index) => ({ path: ["training", "evaluateAt", index] as const, step })),
  ];
}

/** Why nothing that takes a model of all ranks can happen after a step; nothing where it can. */
export function exchangeComplaint(step: number, { localSteps }: { readonly localSteps: number }): string | undefined {
  if (step % localSteps === 0) return undefined;
  return `is ${step}, expected a multiple of training.localSteps, ${localSteps}: what happens between updates happens where ranks exchange them`;
}

/** When a growth plan is applied while training, and what becomes of the learning rate from there on. */
const scheduling = {
  /** The plan is applied after so many updates. */
  step: natural,
  /**
   * Whether the schedule begins again, with its warm-up, and runs to the next restart or to the end of training.
   * Otherwise it goes on.
   */
  restart: z.boolean().default(false),
  /** With `restart`: the highest learning rate from here on. Default: what it was. */
  learningRate: z.number().positive().optional(),
  /** With `restart`: updates of this warm-up. Default: `training.warmup`. */
  warmup: natural.optional(),
};

/** A growth plan while training. */
export const scheduledGrowthSchema = z
  .union([tokenPlanSchema.extend(scheduling), widthPlanSchema.extend(scheduling), ownPlanSchema.extend(scheduling)], {
    error: planComplaint,
  })
  .check(({ value, issues }) => {
    for (const key of ["learningRate", "warmup"] as const) {
      if (value[key] !== undefined && !value.restart) {
        const message = "is for a schedule that begins again; add restart: true, or leave it out";
        issues.push({ code: "custom", path: [key], message, input: value[key] });
      }
    }
  });

export const configSchema = z
  .strictObject({
    /** The version of this format. */
    formatVersion: z.literal(FORMAT_VERSION).default(FORMAT_VERSION),
    model: modelSchema,
    training: trainingSchema.prefault({}),
    /** How text becomes tokens: by characters, with `<unk>` for those that the text lacks or without, by a byte-pair encoding trained on the text, or by a tokenizer.json. */
    tokenizer: tokenizerSchema.default("character"),
    /** Growth while training; applied growth stays here, as a record and for the schedule. */
    growth: z.array(scheduledGrowthSchema).default([]),
  })
  .check(({ value: { training }, issues }) => {
    for (const { path, step } of stepsOfEvents(training)) {
      const message = exchangeComplaint(step, training);
      if (message !== undefined) issues.push({ code: "custom", path: [...path], message, input: step });
    }
  })
  .check(({ value: { growth, model }, issues }) => {
    // A strategy of one's own may make another type of model, before or after which a plan is applied: only `checkPlans` asks it.
    if (growth.some((plan) => !isTokenPlan(plan) && !isWidthPlan(plan))) return;
    growth.forEach((plan, index) => {
      const message = planMismatch(model, plan);
      if (message !== undefined) issues.push({ code: "custom", path: ["growth", index], message, input: plan });
    });
  });

export type Config = z.infer<typeof configSchema>;
/** A configuration as it is written: what has a default may be left out. */
export type ConfigInput = z.input<typeof configSchema>;
/** The configuration of a run, with its model as it is now, complete. */
export type RunConfig = Config & { readonly model: CompleteModelConfig };
export type TrainingConfig = Config["training"];
export type ScheduledGrowth = Config["growth"][number];

/** The growth plans in the order of their steps. */
export function growthPlansOf({ growth }: Pick<Config, "growth">): ScheduledGrowth[] {
  return growth.toSorted((a, b) => a.step - b.step);
}

/** The schedule of the learning rate, with its restarts. */
export function scheduleOf(config: Config): ScheduleOptions {
  return { ...config.training, restarts: growthPlansOf(config).filter(({ restart }) => restart) };
}

/** Sequences of one pass. */
export function microBatchOf({ training, model }: Config): number {
  return Math.min(training.batch, training.microBatch ?? sequencesPerPass(model.context));
}
