/** The configuration of a study: a ladder of sizes, how long each is trained, and what is compared. */

import { z } from "zod";
import { tokenizerSchema, trainingSchema } from "../../configuration/index.ts";
import { tokenPlanSchema } from "../../growth/index.ts";
import { layerCount, modelSchema, parametrisations } from "../../model/index.ts";
import { checkPlainly } from "../../plain-words.ts";

const count = z.int().positive();

/** Ways to get a model of each size, in the order of the report. */
export const armIds = [
  "grown",
  "scratch-tokens",
  "scratch-flops",
  "scratch-total",
  "transformer-tokens",
  "transformer-flops",
  "rotary-flops",
  "net2net",
  "no-growth",
] as const;

export type ArmId = (typeof armIds)[number];

/** Questions on how to grow. */
export const questionIds = ["init", "tau", "optimizer", "freeze", "schedule", "when", "where", "step-size"] as const;

export type QuestionId = (typeof questionIds)[number];

/** What all models of a study share. */
export const studyModelSchema = z.strictObject({
  /** Default: the tokenizer's. */
  vocabulary: count.optional(),
  context: count,
  layers: layerCount,
  heads: count,
  width: count,
  dropout: z.number().min(0).lt(1).default(0),
  /** As for a run. Default: `published`. */
  parametrisation: z.enum(parametrisations).optional(),
});

const studyObject = z.strictObject({
  name: z.string(),
  /** One line for people. */
  doc: z.string(),
  /** A Transformer has as many layers and as many channels a head; its width follows from its size. */
  model: studyModelSchema,
  /** Parameter tokens of each attention projection and of the feed-forward layer, and the updates of the grown arm there. */
  ladder: z
    .array(z.strictObject({ attention: count, feedForward: count, steps: count }))
    .min(2, "has one size; give at least two, from the smallest to the largest"),
  /** How the grown arm grows. */
  growth: growthOptions(),
  /** As for a run. Steps, learning rate and evaluations are the study's. */
  training: trainingSchema
    .pick({
      batch: true,
      microBatch: true,
      schedule: true,
      warmup: true,
      decayFraction: true,
      beta1: true,
      beta2: true,
      epsilon: true,
      weightDecay: true,
      clip: true,
      precision: true,
      evaluationTokens: true,
      checkpointEvery: true,
    })
    .prefault({}),
  tokenizer: tokenizerSchema.default("character"),
  /** The highest learning rates to try for each recipe; more are tried while the best is the lowest or the highest of all. */
  learningRates: z.array(z.number().positive()).nonempty(),
  /** How many times the grid may be extended by a factor of 2. */
  extensions: z.int().nonnegative().default(2),
  /** Runs of each recipe with the chosen learning rate, seeds 1, 2, …; the learning rate is chosen with a seed of its own. */
  seeds: count.default(3),
  arms: z
    .array(z.enum(armIds))
    .nonempty()
    .default([...armIds]),
  /** The growth that the questions on how to grow are about: from the size before `stage` to it. */
  ablation: z
    .strictObject({ stage: count, questions: z.array(z.enum(questionIds)).default([...questionIds]) })
    .optional(),
});

export const studySchema = studyObject.check(({ value, issues }) => {
  for (const { path, message } of inconsistencies(value)) {
    issues.push({ code: "custom", path, message, input: value });
  }
});

export type StudyConfig = z.infer<typeof studySchema>;

/** What a schema of single fields cannot see. */
function inconsistencies({ model, ladder, ablation }: z.infer<typeof studyObject>) {
  const found: { path: (string | number)[]; message: string }[] = [];
  const tokens = { query: 1, key: 1, value: 1, projection: 1, feedForward: 1 };
  const block = checkPlainly(modelSchema, { type: "tokenformer", ...model, tied: true, tokens });
  for (const { path, message } of block.error?.issues ?? [])
    found.push({ path: ["model", ...path.map(String)], message });
  for (const [index, { attention, feedForward }] of ladder.entries()) {
    const before = ladder[index - 1];
    if (before === undefined) continue;
    const [more, less] = [Math.max, Math.min].map((pick) =>
      pick(attention - before.attention, feedForward - before.feedForward),
    );
    if ((less ?? 0) >= 0 && (more ?? 0) > 0) continue;
    found.push({ path: ["ladder", index], message: "is not larger than the size before it; sizes ascend" });
  }
  if (ablation !== undefined && ablation.stage >= ladder.length) {
    const message = `is ${ablation.stage}, but the sizes are 0 to ${ladder.length - 1}; it is the size that is grown to`;
    found.push({ path: ["ablation", "stage"], message });
  }
  return found;
}

/** As in the paper, new tokens learn at the rate of the others, unless a study says otherwise. */
function growthOptions() {
  const { init, tau, rampSteps, optimizer, freeze, newWarmup, newRate, newRateSteps, rewarm } = tokenPlanSchema.shape;
  return z
    .strictObject({ init, tau, rampSteps, optimizer, freeze, newWarmup, newRate, newRateSteps, rewarm })
    .prefault({});
}
