/** The configuration of the study `skills`: a base, new texts, and ways to learn them. */

import { z } from "zod";
import { presets, tokenizerSchema, trainingSchema } from "../../configuration/index.ts";
import { modelSchema } from "../../model/index.ts";
import { ways } from "./results.ts";

const count = z.int().positive();
const rates = z.array(z.number().positive()).nonempty();

export const skillsSchema = z.strictObject({
  name: z.string(),
  /** One line for people. */
  doc: z.string(),
  model: modelSchema,
  tokenizer: tokenizerSchema,
  /** The training of the base. */
  base: trainingSchema.prefault({}),
  /** The training on a new text; steps and batches are alike for all ways. */
  adapting: trainingSchema.prefault({}),
  /** Tokens a site of the skills. */
  sizes: z.array(count).nonempty(),
  /** How texts are learned. */
  ways: z
    .array(z.enum(ways))
    .nonempty()
    .default([...ways]),
  /** Learning rates: each is tried with the first seed, and the best by the held-out loss on the new text is that of all. */
  rates,
  /** Held-out tokens of each loss that is reported; 0: all. */
  heldOutTokens: z.int().nonnegative().default(32_768),
  seeds: z.array(z.int().nonnegative()).nonempty(),
});

export type SkillsStudy = z.infer<typeof skillsSchema>;

const { model } = presets.mini.config;

/** What two cores can do in some hours. */
export const skillsPreset = {
  name: "skills",
  doc: "tokens trained beside a base of 1M parameters, against training all or some of it and against LoRA: loss on the new text, and what is forgotten",
  model: { ...model, tokens: { query: 128, key: 128, value: 128, projection: 128, feedForward: 512 } },
  tokenizer: "bpe:512",
  base: { steps: 2000, evaluateEvery: 0, checkpointEvery: 500, keepBest: false },
  adapting: { steps: 400, warmup: 20, evaluateEvery: 0, checkpointEvery: 0, keepBest: false, weightDecay: 0 },
  sizes: [4, 16, 64, 256],
  rates: [3e-4, 1e-3, 3e-3, 1e-2],
  heldOutTokens: 65_536,
  seeds: [1, 2, 3],
} satisfies z.input<typeof skillsSchema>;
