/** The models of a study: each size as a TokenFormer and as a Transformer, and what it costs to train them. */

import {
  type CompleteModelConfig,
  countParameters,
  modelSchema,
  type TransformerConfig,
  trainingFlopsPerToken,
} from "../../model/index.ts";
import { required } from "../../required.ts";
import type { StudyConfig } from "./config.ts";

/** A study whose vocabulary is known. */
export type CompleteStudy = StudyConfig & { readonly model: { readonly vocabulary: number } };

/** What the models of a study have in common, and the sequences of an update. */
export interface Common {
  readonly model: CompleteStudy["model"];
  readonly training: { readonly batch: number };
}

/** Numbers of parameter tokens of each attention projection and of the feed-forward layer. */
export interface TokenCounts {
  readonly attention: number;
  readonly feedForward: number;
}

/** The TokenFormer of a size. */
export function tokenFormerOf(
  { model }: Pick<Common, "model">,
  { attention, feedForward }: TokenCounts,
): CompleteModelConfig {
  const tokens = { query: attention, key: attention, value: attention, projection: attention, feedForward };
  return complete({ type: "tokenformer", ...model, tied: true, tokens });
}

/** The Transformer of a width, as GPT-2 and nanoGPT have it: GELU, no biases, tied output. */
export function transformerOf(
  { model }: Pick<Common, "model">,
  width: number,
  positions: TransformerConfig["positions"] = "learned",
): CompleteModelConfig {
  const heads = width / channelsOf(model);
  return complete({
    type: "transformer",
    ...model,
    width,
    heads,
    positions,
    tied: true,
    activation: "gelu",
    biases: false,
  });
}

/** The width whose Transformer has the number of parameters nearest to a TokenFormer's; heads keep their size. */
export function matchingWidth(study: Pick<Common, "model">, counts: TokenCounts): number {
  const wanted = countParameters(tokenFormerOf(study, counts)).total;
  const heads = headsFor(wanted, (count) => parametersWith(study, count));
  return heads * channelsOf(study.model);
}

function parametersWith(study: Pick<Common, "model">, heads: number): number {
  return countParameters(transformerOf(study, heads * channelsOf(study.model))).total;
}

/** Parameters are a h² + b h for h heads, so that two counts give all; of the two numbers of heads around, the nearer. */
function headsFor(wanted: number, parameters: (heads: number) => number): number {
  const [one, two] = [parameters(1), parameters(2)];
  const a = (two - 2 * one) / 2;
  const b = one - a;
  const exact = (Math.sqrt(b * b + 4 * a * wanted) - b) / (2 * a);
  const below = Math.max(1, Math.floor(exact));
  return wanted - parameters(below) < parameters(below + 1) - wanted ? below : below + 1;
}

/** A size of the ladder. */
export function sizeOf({ ladder }: StudyConfig, stage: number): StudyConfig["ladder"][number] {
  return required(new Map(ladder.entries()), stage);
}

/** Floating-point operations of one update. */
export function flopsPerStep(study: Common, model: CompleteModelConfig): number {
  return trainingFlopsPerToken(model) * study.training.batch * study.model.context;
}

function channelsOf({ width, heads }: StudyConfig["model"]): number {
  return width / heads;
}

function complete(input: unknown): CompleteModelConfig {
  const { vocabulary, ...model } = modelSchema.parse(input);
  if (vocabulary === undefined) throw new Error("internal: a study's model without a vocabulary");
  return { ...model, vocabulary };
}
