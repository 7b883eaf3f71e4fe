/** Tiny runs: a text that can be learned, a configuration, and what a run tells. */

import { writeFile } from "node:fs/promises";
import type { z } from "zod";
import { type Config, configSchema, type StepEvent, type TrainingEvent } from "../../src/configuration/index.ts";
import { CharacterTokenizer, createCorpus, memoryTokens } from "../../src/text/index.ts";
import { type TrainOptions, train } from "../../src/training/index.ts";

type ConfigInput = z.input<typeof configSchema>;
type ModelInput = ConfigInput["model"];

/** 4,000 or so characters with much to learn: which words follow which. */
export const text = Array.from(
  { length: 160 },
  (_, i) => `the ${["cat", "dog", "cow"][i % 3]} sat on the ${["mat", "log"][i % 2]}. `,
).join("");

export const tokenizer = CharacterTokenizer.fromText(text);

export const corpus = createCorpus("cats", tokenizer, memoryTokens(tokenizer.encode(text)));

/** Sizes are different primes where they can be. One layer, of which programs are half as large: tests that tell layers apart have two. */
export const tokenformerModel = {
  type: "tokenformer",
  context: 7,
  layers: 1,
  heads: 2,
  width: 12,
  rotaryFraction: 0.5,
  tied: true,
  tokens: { query: 5, key: 5, value: 5, projection: 5, feedForward: 11 },
} satisfies ModelInput;

export const transformerModel = {
  type: "transformer",
  context: 7,
  layers: 1,
  heads: 2,
  width: 12,
  tied: false,
  activation: "relu",
  biases: true,
} satisfies ModelInput;

export const bigramModel = { type: "bigram", context: 7 } satisfies ModelInput;

/** A configuration of a tiny TokenFormer that trains for 12 steps, with some values changed. */
export function tinyConfig(
  training: ConfigInput["training"] = {},
  others: Partial<Pick<ConfigInput, "growth" | "tokenizer">> = {},
  model: ModelInput = tokenformerModel,
): Config {
  return configSchema.parse({
    model,
    training: {
      steps: 12,
      batch: 5,
      learningRate: 1e-2,
      warmup: 3,
      evaluateEvery: 0,
      evaluationTokens: 70,
      checkpointEvery: 0,
      ...training,
    },
    ...others,
  });
}

/** All events of a run on the tiny corpus. */
export async function trained(
  options: Omit<TrainOptions, "data"> & Partial<Parameters<typeof train>[0]>,
): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  for await (const event of train({ data: corpus, ...options })) events.push(event);
  return events;
}

/** The events of one type. */
export function ofType<Type extends TrainingEvent["type"]>(
  events: readonly TrainingEvent[],
  type: Type,
): Extract<TrainingEvent, { type: Type }>[] {
  return events.filter((event): event is Extract<TrainingEvent, { type: Type }> => event.type === type);
}

export const lossesOf = (events: readonly TrainingEvent[]): number[] => ofType(events, "step").map(({ loss }) => loss);

/** What a step tells that does not depend on the clock. */
export function measured({ step, loss, learningRate, gradientNorm }: StepEvent) {
  return { step, loss, learningRate, gradientNorm };
}

/** Events in one line: "validation 0, step 1, …". */
export const told = (events: readonly TrainingEvent[]): string =>
  events.map(({ type, step }) => `${type} ${step}`).join(", ");

/** Writes the tiny text to a file and gives its name. */
export async function writeText(file: string): Promise<string> {
  await writeFile(file, text);
  return file;
}

/** The only item of a list. */
export function only<Item>(items: readonly Item[]): Item {
  const [item] = items;
  if (item === undefined || items.length > 1) throw new Error(`expected one item, not ${items.length}`);
  return item;
}
