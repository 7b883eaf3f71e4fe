/** How the time of a step grows with each of its sizes, beside the operations that the formula counts. */

import { configSchema, presets } from "../../configuration/index.ts";
import { median } from "../../median.ts";
import { type CompleteModelConfig, modelOf, sizesOf } from "../../model/index.ts";
import { openDevice } from "../../runtime/index.ts";
import { initialState } from "../../training/portable.ts";
import { formatDuration } from "../report/format.ts";
import { stepTrainer } from "./step-trainer.ts";
import { type Course, timeOf } from "./time.ts";
import { batchesOf, stepFlops } from "./work.ts";

export interface ScalingPoint {
  readonly value: number;
  /** Seconds of a step, the median. */
  readonly seconds: number;
  /** Operations of a step. */
  readonly flops: number;
}

export interface Scaling {
  /** What is changed, such as "batch". */
  readonly what: string;
  readonly points: readonly ScalingPoint[];
}

interface Sizes {
  readonly batch: number;
  readonly context: number;
  readonly layers: number;
  /** Parameter tokens of each attention projection; the feed-forward layer has four times as many. */
  readonly tokens: number;
}

const middle: Sizes = { batch: 4, context: 256, layers: 4, tokens: 256 };

const changes: readonly (readonly [string, readonly Partial<Sizes>[]])[] = [
  ["batch", [1, 2, 4, 8, 16].map((batch) => ({ batch }))],
  ["context", [64, 128, 256, 512, 1024, 2048].map((context) => ({ context, batch: 1 }))],
  ["parameter tokens of an attention projection", [64, 128, 256, 512, 1024].map((tokens) => ({ tokens }))],
  ["layers", [1, 2, 4, 8, 16].map((layers) => ({ layers }))],
];

/** Steps of a TokenFormer of width 256: 4 layers, 256 and 1024 tokens, batch 4, context 256, where nothing else is said. */
export async function measureScaling(steps: number, { note, begins }: Course): Promise<Scaling[]> {
  const scalings: Scaling[] = [];
  for (const [what, all] of changes) {
    const points: ScalingPoint[] = [];
    for (const change of all) {
      const value = Object.values(change)[0] ?? Number.NaN;
      if (!begins(`${what} ${value}`)) continue;
      const point = await measurePoint({ ...middle, ...change }, steps);
      note(`scaling: ${what} ${value}: ${formatDuration(point.seconds)} a step`);
      points.push({ value, ...point });
    }
    if (points.length > 0) scalings.push({ what, points });
  }
  return scalings;
}

async function measurePoint({ batch, ...sizes }: Sizes, steps: number): Promise<Omit<ScalingPoint, "value">> {
  const config = modelConfigOf(sizes);
  const { training } = configSchema.parse(presets["nanogpt-cpu"].config);
  const device = await openDevice("cpu");
  const state = initialState(modelOf(config), 1, sizesOf(config));
  const trainer = await stepTrainer(device, { config, batch, training }, state);
  const batches = batchesOf({ config, batch }, 1);
  const seconds: number[] = [];
  for (let step = 0; step < steps + 2; step++) {
    seconds.push((await timeOf(() => trainer.update(batches, training.learningRate, 1))).seconds);
  }
  await device.close();
  return { seconds: median(seconds.slice(2)), flops: stepFlops({ config, batch }) };
}

function modelConfigOf({ context, layers, tokens }: Omit<Sizes, "batch">): CompleteModelConfig {
  const model = { type: "tokenformer", layers, heads: 4, width: 256, context, tied: true } as const;
  const counts = { query: tokens, key: tokens, value: tokens, projection: tokens, feedForward: 4 * tokens };
  const parsed = configSchema.parse({ model: { ...model, tokens: counts } });
  return { ...parsed.model, vocabulary: 65 };
}
