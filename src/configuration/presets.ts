/** Named configurations: sizes from the lecture, nanoGPT and the paper, each with a recipe for training it. */

import type { z } from "zod";
import type { configSchema } from "./config.ts";

type ConfigInput = z.input<typeof configSchema>;
type TokenFormerInput = Extract<ConfigInput["model"], { type: "tokenformer" }>;

export interface Preset {
  /** One line for people. */
  readonly doc: string;
  readonly config: ConfigInput;
}

/** The vocabulary of the GPT-NeoX-20B tokenizer, padded to a multiple of 128. */
export const NEOX_VOCABULARY = 50_304;

interface Sizes {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly context: number;
  /** Parameter tokens of each attention projection, and of the feed-forward layer. */
  readonly attention: number;
  readonly feedForward: number;
}

/** The parametrisation where no published model prescribes one. */
const balanced = { parametrisation: "balanced" } as const;

function tokenformer(
  { attention, feedForward, ...sizes }: Sizes,
  more: Partial<TokenFormerInput> = {},
): TokenFormerInput {
  const tokens = { query: attention, key: attention, value: attention, projection: attention, feedForward };
  return { type: "tokenformer", ...sizes, tokens, tied: true, ...more };
}

/** The paper's recipe (arXiv 2410.23168, section 4.1 and appendix; published configurations). */
export const paperRecipe = {
  steps: 60_000,
  batch: 512,
  learningRate: 6e-4,
  warmup: 2000,
  beta2: 0.95,
  weightDecay: 0.1,
  clip: 1,
  evaluateEvery: 1000,
  checkpointEvery: 1000,
} satisfies ConfigInput["training"];

/** A size of the paper's progressive scaling: 12 layers of width 768, context 1024. */
function grown(size: string, attention: number, feedForward: number): Preset {
  return {
    doc: `the paper's progressive scaling at ${size}: ${attention} / ${feedForward} parameter tokens`,
    config: {
      model: tokenformer(
        { layers: 12, heads: 12, width: 768, context: 1024, attention, feedForward },
        { vocabulary: NEOX_VOCABULARY },
      ),
      training: paperRecipe,
    },
  };
}

/** A size of the published checkpoints, trained from scratch: as many tokens as channels, four times that in the feed-forward. */
function zoo(size: string, layers: number, width: number, heads: number): Preset {
  return {
    doc: `the published ${size} checkpoint: ${layers} layers of width ${width}`,
    config: {
      model: tokenformer(
        { layers, heads, width, context: 2048, attention: width, feedForward: 4 * width },
        { vocabulary: NEOX_VOCABULARY },
      ),
      training: { ...paperRecipe, batch: 256 },
    },
  };
}

export const presets = {
  mini: {
    doc: "about 1M parameters, a minute or two on two cores (the default)",
    config: {
      model: tokenformer({ layers: 4, heads: 4, width: 128, context: 64, attention: 128, feedForward: 512 }, balanced),
      training: { steps: 1200, batch: 12, evaluateEvery: 200, evaluationTokens: 32_768, checkpointEvery: 400 },
    },
  },
  lecture: {
    doc: "the lecture's gpt.py in size: 6 layers of width 384, context 256",
    config: {
      model: tokenformer(
        { layers: 6, heads: 6, width: 384, context: 256, attention: 288, feedForward: 1152 },
        { ...balanced, dropout: 0.2 },
      ),
      training: {
        steps: 5000,
        batch: 64,
        learningRate: 3e-4,
        schedule: "constant",
        warmup: 0,
        weightDecay: 0.01,
        clip: 0,
        beta2: 0.999,
      },
    },
  },
  "nanogpt-cpu": {
    doc: "nanoGPT's recipe for a CPU: 4 layers of width 128, context 64",
    config: {
      model: tokenformer({ layers: 4, heads: 4, width: 128, context: 64, attention: 96, feedForward: 384 }, balanced),
      training: { steps: 2000, batch: 12 },
    },
  },
  "124m": grown("124M", 576, 2304),
  "354m": grown("354M", 2140, 8560),
  "757m": grown("757M", 4850, 19_400),
  "1.4b": grown("1.4B", 8620, 34_480),
  "150m": zoo("150M", 12, 768, 12),
  "450m": zoo("450M", 24, 1024, 16),
  "900m": zoo("900M", 32, 1280, 16),
  "1.5b": zoo("1.5B", 40, 1536, 16),
} satisfies Record<string, Preset>;

export type PresetName = keyof typeof presets;

export const presetNames = Object.keys(presets).filter((name): name is PresetName => name in presets);
