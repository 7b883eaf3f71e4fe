/** A run of which a part alone learns, beside parameters that stay as they are: what its checkpoints say of that. */

import { z } from "zod";
import type { HostArray } from "../growth/index.ts";
import { layerCount } from "../model/index.ts";
import { pattentionActivations } from "../nn/index.ts";

const count = z.int().positive();
const hash = z.string().regex(/^[0-9a-f]{64}$/, "expected a SHA-256 of 64 hexadecimal digits");

/** What the tokens of a skill belong to. */
export const skillOriginSchema = z.strictObject({
  /** The model that they are trained beside. */
  base: z.strictObject({
    name: z.string(),
    /** The hash of its weights, see `weightsHash`. */
    weights: hash,
    layers: layerCount,
    width: count,
    activation: z.enum(pattentionActivations),
  }),
  /** The hash of the tokenizer that texts are read by. */
  tokenizer: hash,
});

export const learningPartSchema = z.strictObject({
  /** The names of the parameters that learn. Adam's moments are of these alone. */
  parameters: z.array(z.string()).nonempty(),
  /** Where they are a skill: which generation of the model's tokens, and what it belongs to. */
  skill: z.strictObject({ generation: count, ...skillOriginSchema.shape }).optional(),
});

/** The part of a model that learns, where not all of it does. */
export type LearningPart = z.infer<typeof learningPartSchema>;

/** Whether a parameter learns; `undefined` where all do. */
export function learnsOf(part: LearningPart | undefined): ((parameter: string) => boolean) | undefined {
  if (part === undefined) return undefined;
  const names = new Set(part.parameters);
  return (name) => names.has(name);
}

/** How many numbers learn. */
export function learningIn({ parameters }: LearningPart, arrays: ReadonlyMap<string, HostArray>): number {
  return parameters.reduce((sum, name) => sum + (arrays.get(name)?.data.length ?? 0), 0);
}
