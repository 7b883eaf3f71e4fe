/** Named studies: what two cores can do in an afternoon or a night, and the paper's own ladder. */

import type { z } from "zod";
import { NEOX_VOCABULARY, paperRecipe } from "../../configuration/index.ts";
import type { studySchema } from "./config.ts";

type StudyInput = z.input<typeof studySchema>;

/** Growing, and what it is compared with at each size. */
const mainArms: StudyInput["arms"] = [
  "grown",
  "scratch-tokens",
  "scratch-flops",
  "transformer-tokens",
  "transformer-flops",
  "rotary-flops",
  "net2net",
];

const { batch, warmup, beta2 } = paperRecipe;

/** With the paper's recipe, whose learning rate is not tuned again. */
const paperStudy = {
  growth: { rampSteps: 2000 },
  training: { batch, warmup, beta2, evaluationTokens: 1_048_576, checkpointEvery: 500 },
  learningRates: [paperRecipe.learningRate],
  extensions: 0,
  arms: mainArms,
  ablation: { stage: 1, questions: ["init", "tau"] },
} satisfies Partial<StudyInput>;

export const studyPresets = {
  mini: {
    name: "mini",
    doc: "0.1M → 0.2M → 0.4M → 0.8M parameters, characters of one book; about an hour on two cores",
    model: { layers: 4, heads: 8, width: 128, context: 64 },
    ladder: [
      { attention: 12, feedForward: 48, steps: 400 },
      { attention: 24, feedForward: 96, steps: 400 },
      { attention: 48, feedForward: 192, steps: 400 },
      { attention: 96, feedForward: 384, steps: 400 },
    ],
    training: { batch: 12, warmup: 40, evaluationTokens: 16_384 },
    learningRates: [1e-3, 2e-3, 4e-3],
    ablation: { stage: 3 },
  },
  small: {
    name: "small",
    doc: "1.3M → 2.1M → 3.7M parameters, byte pairs of books; two to three hours on two cores",
    model: { layers: 4, heads: 8, width: 256, context: 128 },
    ladder: [
      { attention: 48, feedForward: 192, steps: 600 },
      { attention: 96, feedForward: 384, steps: 600 },
      { attention: 192, feedForward: 768, steps: 600 },
    ],
    training: { batch: 8, warmup: 60, evaluationTokens: 16_384 },
    tokenizer: "bpe:2048",
    learningRates: [1e-3, 2e-3, 4e-3],
    extensions: 1,
    seeds: 2,
    arms: [...mainArms, "no-growth"],
  },
  paper: {
    name: "paper",
    doc: "the paper's ladder: 124M → 354M → 757M → 1.4B, 12 layers of width 768, 30 billion tokens a size",
    model: { layers: 12, heads: 12, width: 768, context: 1024, vocabulary: NEOX_VOCABULARY },
    ladder: [
      { attention: 576, feedForward: 2304, steps: 60_000 },
      { attention: 2140, feedForward: 8560, steps: 60_000 },
      { attention: 4850, feedForward: 19_400, steps: 60_000 },
      { attention: 8620, feedForward: 34_480, steps: 60_000 },
    ],
    ...paperStudy,
  },
  "paper-24": {
    name: "paper-24",
    doc: "the public reproduction's ladder: 354M → 757M, 24 layers of width 1024",
    model: { layers: 24, heads: 16, width: 1024, context: 1024, vocabulary: NEOX_VOCABULARY },
    ladder: [
      { attention: 768, feedForward: 3072, steps: 60_000 },
      { attention: 1792, feedForward: 7168, steps: 60_000 },
    ],
    ...paperStudy,
  },
} satisfies Record<string, StudyInput>;

export type StudyPresetName = keyof typeof studyPresets;
