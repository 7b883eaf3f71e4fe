/** What is timed: the same models, weights and batches for all who take part. */

import { type Config, configSchema, presets } from "../../configuration/index.ts";
import type { TrainerState } from "../../growth/index.ts";
import type { TokenBatch } from "../../inference/index.ts";
import { type CompleteModelConfig, forwardFlops, modelOf, sizesOf } from "../../model/index.ts";
import { Random } from "../../random.ts";
import { initialState } from "../../training/portable.ts";

export const workNames = ["nanogpt-cpu", "lecture", "124m"] as const;
export type WorkName = (typeof workNames)[number];

export const workModels = ["tokenformer", "transformer"] as const;
export type WorkModel = (typeof workModels)[number];

/** Training steps of one model. */
export interface Work {
  readonly name: WorkName;
  readonly config: CompleteModelConfig;
  /** Sequences of a step, each as long as the model's context. */
  readonly batch: number;
  /**
   * nanoGPT's recipe for a CPU, for all sizes: betas 0.9 and 0.99, decay 0.1, clipping at 1, a constant rate of 1e-3; of 1e-4 at 124m,
   * where without a warm-up losses rise at 1e-3, and differences of rounding with them.
   */
  readonly training: Config["training"];
}

/** The vocabulary where the preset leaves it to the data: the characters of plain English. */
const CHARACTERS = 65;

const sizes = {
  "nanogpt-cpu": { batch: 12, context: 64, learningRate: 1e-3 },
  lecture: { batch: 16, context: 256, learningRate: 1e-3 },
  "124m": { batch: 1, context: 512, learningRate: 1e-4 },
} as const satisfies Record<WorkName, { batch: number; context: number; learningRate: number }>;

/** Steps at the size of a preset, without dropout. The transformer has as many layers, heads and channels as the tokenformer. */
export function workOf(name: WorkName, type: WorkModel): Work {
  const { batch, context, learningRate } = sizes[name];
  const training = { ...configSchema.parse(presets["nanogpt-cpu"].config).training, learningRate };
  const { model } = configSchema.parse(presets[name].config);
  if (model.type !== "tokenformer") throw new Error(`internal: the preset ${name} is a ${model.type}`);
  const { layers, heads, width, rotaryFraction, vocabulary = CHARACTERS } = model;
  if (type === "tokenformer") {
    // All tensors learn at one rate, as in the programs that take part.
    return {
      name,
      batch,
      training,
      config: { ...model, parametrisation: "published", dropout: 0, context, vocabulary },
    };
  }
  const shared = { layers, heads, width, context, rotaryFraction, vocabulary, dropout: 0 };
  const own = { tied: true, activation: "gelu", biases: false, positions: "learned", normEpsilon: 1e-5 } as const;
  return { name, batch, training, config: { type, ...shared, ...own } };
}

/** Floating-point operations of a step: three forward passes. */
export function stepFlops({ config, batch }: Pick<Work, "config" | "batch">): number {
  return 3 * batch * forwardFlops(config);
}

export const tokensOfStep = ({ config, batch }: Work): number => batch * config.context;

/** The weights that all begin with. */
export function stateOf({ config }: Pick<Work, "config">): TrainerState {
  return initialState(modelOf(config), 1, sizesOf(config));
}

/** The batches that all go through, again from the first one after the last: random tokens. */
export function batchesOf({ config, batch }: Pick<Work, "config" | "batch">, count = 40): TokenBatch[] {
  const { context, vocabulary } = config;
  const random = Random.from("benchmark");
  return Array.from({ length: count }, () => {
    const windows = Array.from({ length: batch }, () =>
      Int32Array.from({ length: context + 1 }, () => random.integer(vocabulary)),
    );
    const joined = (from: number, to: number) => Int32Array.from(windows.flatMap((row) => [...row.subarray(from, to)]));
    return { tokens: joined(0, context), targets: joined(1, context + 1), sequences: batch, context };
  });
}
