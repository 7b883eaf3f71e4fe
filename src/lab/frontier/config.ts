/** The configuration of the study `frontier`: sizes, budgets, and what is compared at each. */

import { z } from "zod";
import { tokenizerSchema, trainingSchema } from "../../configuration/index.ts";
import { tokenPlanSchema } from "../../growth/index.ts";
import { studyModelSchema } from "../study/index.ts";

const count = z.int().positive();

const bracketSize = z.int().nonnegative();

const bracketExpected = "expected a number of sizes, 0 or more, or a list of such numbers, one for each budget";

/** Ways to spend a budget, in the order of the report. */
export const frontierArms = [
  "scratch",
  "rotary",
  "grown",
  "grown-by-default",
  "zero-start",
  "never-grown",
  "net2net",
  "when",
] as const;

export type FrontierArm = (typeof frontierArms)[number];

export const frontierSchema = z
  .strictObject({
    name: z.string(),
    /** One line for people. */
    doc: z.string(),
    /** What all models share. A Transformer has as many layers and channels a head; its width follows from its size. */
    model: studyModelSchema,
    /** Parameter tokens of each attention projection and of the feed-forward layer, from the smallest size to the largest. */
    rungs: z
      .array(z.strictObject({ attention: count, feedForward: count }))
      .min(2, "has one size; give at least two, from the smallest to the largest"),
    /** The budget of a rung: what so many training tokens for each of its parameters cost it from scratch. */
    tokensPerParameter: z.number().positive().default(20),
    /** Share of a budget that its cooldown takes. */
    cooldown: z.number().gt(0).max(0.5).default(0.2),
    /**
     * How many sizes on each side of a budget's own are trained from scratch for it: a number for all budgets, or one for each from
     * the smallest, the last number being also that of those after it.
     */
    bracket: z.union([bracketSize, z.array(bracketSize).nonempty()], { error: bracketExpected }).default(1),
    /** How the grown arm grows. As in the paper, all its tokens learn at the same rate, unless this says otherwise. */
    growth: tokenPlanSchema
      .pick({
        init: true,
        tau: true,
        rampSteps: true,
        optimizer: true,
        freeze: true,
        newWarmup: true,
        newRate: true,
        newRateSteps: true,
        rewarm: true,
      })
      .prefault({}),
    /** As for a run. Steps, rates and evaluations are the study's. */
    training: trainingSchema
      .pick({
        batch: true,
        microBatch: true,
        warmup: true,
        beta1: true,
        beta2: true,
        epsilon: true,
        weightDecay: true,
        clip: true,
        precision: true,
        checkpointEvery: true,
      })
      .prefault({}),
    /** Held-out tokens of each loss that is reported, evenly spaced over the documents. */
    heldOutTokens: count.default(262_144),
    tokenizer: tokenizerSchema.default("character"),
    /** The highest learning rates to try; more are tried, by factors of √2, while the best is the lowest or the highest. */
    learningRates: z.array(z.number().positive()).nonempty(),
    /** Rates are tuned at so many of the smallest budgets, and where a track begins; later it keeps its last. Default: at all. */
    tunedBudgets: count.exactOptional(),
    /** How often the grid may be extended. */
    extensions: z.int().nonnegative().default(4),
    /** Runs at each budget, from the smallest; the last number is also that of those after it. */
    seeds: z.array(count).nonempty().default([5, 5, 5, 3]),
    /** When the arm `when` grows: after so many training tokens for each parameter of the size that it begins with. */
    growAfter: z.array(z.number().positive()).default([5, 10, 20, 40]),
    /** The size to which the arm `when` grows from the one before it, and whose budget it spends. Default: the last. */
    growAfterSize: count.exactOptional(),
    arms: z
      .array(z.enum(frontierArms))
      .nonempty()
      .default([...frontierArms]),
  })
  .check(({ value: { rungs, growAfterSize }, issues }) => {
    if (growAfterSize !== undefined && growAfterSize >= rungs.length) {
      const message = `is ${growAfterSize}, and the last of ${rungs.length} sizes is ${rungs.length - 1}; sizes count from 0`;
      issues.push({ code: "custom", path: ["growAfterSize"], message, input: growAfterSize });
    }
    for (const [index, rung] of rungs.entries()) {
      const before = rungs[index - 1];
      if (before === undefined || (rung.attention > before.attention && rung.feedForward > before.feedForward))
        continue;
      const message = "is not larger than the size before it; sizes ascend";
      issues.push({ code: "custom", path: ["rungs", index], message, input: rung });
    }
  });

export type FrontierConfig = z.infer<typeof frontierSchema>;

/** A configuration whose vocabulary is known. */
export type CompleteFrontier = FrontierConfig & { readonly model: { readonly vocabulary: number } };

/** Runs at a budget. */
export function seedsAt({ seeds }: Pick<FrontierConfig, "seeds">, budget: number): number {
  return seeds[budget] ?? seeds.at(-1) ?? 1;
}

/** Sizes on each side of a budget's own. */
export function bracketAt({ bracket }: Pick<FrontierConfig, "bracket">, budget: number): number {
  return typeof bracket === "number" ? bracket : (bracket[budget] ?? bracket.at(-1) ?? 0);
}

/** What two cores can do in half a day to a day. */
export const frontierPreset = {
  name: "frontier",
  doc: "0.1M → 0.8M parameters over 1.5 decades of compute, characters of the State of the Union addresses",
  model: { layers: 4, heads: 8, width: 128, context: 128, parametrisation: "balanced" },
  rungs: [
    { attention: 12, feedForward: 48 },
    { attention: 24, feedForward: 96 },
    { attention: 48, feedForward: 192 },
    { attention: 96, feedForward: 384 },
  ],
  training: { batch: 16 },
  learningRates: [7e-4, 1e-3, 1.4e-3],
} satisfies z.input<typeof frontierSchema>;
