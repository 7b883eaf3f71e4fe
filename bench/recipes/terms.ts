/** What all recipes have in common: the text, models and budgets of the study `frontier`. */

import { type Config, parseConfig } from "tokenformer";
import { type CompleteModelConfig, countParameters, trainingFlopsPerToken } from "tokenformer/model";
import { frontierPreset, frontierSchema } from "#tokenformer/lab/frontier";
import { flopsPerStep, tokenFormerOf } from "#tokenformer/lab/study";

export interface Terms {
  /** Parameter tokens of an attention projection, before and after the growth; the feed-forward layer has four times as many. */
  readonly from: number;
  readonly to: number;
  readonly learningRate: number;
  readonly vocabulary: number;
  readonly small: CompleteModelConfig;
  readonly large: CompleteModelConfig;
}

export const TEXT = "SOTU";

/** Held-out tokens of each loss around a growth. */
const AROUND_TOKENS = 16_384;

const study = frontierSchema.parse(frontierPreset);
const {
  model: { layers, heads, width, context },
  training: { batch },
  tokensPerParameter,
  cooldown,
} = study;

/** Channels of the stream. */
export const WIDTH = width;

/** Held-out tokens of each loss that is reported. */
export const { heldOutTokens: HELD_OUT_TOKENS } = study;

export const PROTOCOL = `${layers} layers of width ${width}, ${heads} heads, context ${context}, balanced; State of the Union addresses by characters, batch ${batch} × ${context}. The base is the small model at a constant rate, trained for ${tokensPerParameter * (1 - cooldown)} training tokens a parameter. Each recipe goes on from it until, with a cooldown of ${100 * cooldown} % (1 - √, to 0) at the end, as many FLOPs are spent in all as ${tokensPerParameter} training tokens a parameter cost the large model from scratch. Recipes share base and batches by seed, and one learning rate, that of the base. The loss is that of ${HELD_OUT_TOKENS} held-out tokens, evenly spaced over all documents.`;

export function termsOf(from: number, vocabulary: number, learningRate: number): Terms {
  const to = 2 * from;
  const [small, large] = [modelOfSize(from, { vocabulary }), modelOfSize(to, { vocabulary })];
  return { from, to, learningRate, vocabulary, small, large };
}

export function modelOfSize(tokens: number, { vocabulary }: Pick<Terms, "vocabulary">): CompleteModelConfig {
  return tokenFormerOf({ model: { ...study.model, vocabulary } }, { attention: tokens, feedForward: 4 * tokens });
}

/** FLOPs of an update. */
export const costOf = (model: CompleteModelConfig) =>
  flopsPerStep({ ...study, model: { ...study.model, vocabulary: model.vocabulary } }, model);

/** FLOPs that each recipe spends, the base included. */
export const budgetOf = ({ large }: Terms) =>
  tokensPerParameter * countParameters(large).total * trainingFlopsPerToken(large);

/** Updates of the base. */
export const baseSteps = ({ small }: Terms) =>
  Math.round(((1 - cooldown) * tokensPerParameter * countParameters(small).total) / (batch * context));

/** Updates of the cooldown of a model that ends at a budget. */
export const cooldownSteps = (model: CompleteModelConfig, budget: number) =>
  Math.round((cooldown * budget) / costOf(model));

/** A run at a constant rate. */
export function recipeConfig(
  { from, to, learningRate }: Terms,
  run: {
    readonly model: object;
    readonly seed: number;
    readonly steps: number;
    readonly growths?: readonly { readonly step: number; readonly tokens: number }[];
    readonly evaluateAt?: readonly number[];
  },
): Config {
  const { model, seed, steps, growths = [], evaluateAt = [] } = run;
  const evaluation = { evaluateEvery: 0, evaluateAt, evaluationTokens: AROUND_TOKENS, keepBest: false };
  const training = { steps, batch, schedule: "constant", learningRate, seed, checkpointEvery: 0, ...evaluation };
  const growth = growths.map(({ tokens, ...plan }) => {
    if (!Number.isInteger(tokens)) throw new Error(`${to - from} tokens cannot be added in so many pieces`);
    const add = { query: tokens, key: tokens, value: tokens, projection: tokens, feedForward: 4 * tokens };
    return { ...plan, add };
  });
  return parseConfig({ model, training, growth, tokenizer: "character" });
}
