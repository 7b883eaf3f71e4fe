/** What all recipes have in common: text, models, budgets. */

import { type Config, parseConfig } from "tokenformer";
import { type CompleteModelConfig, countParameters, trainingFlopsPerToken } from "tokenformer/model";

export interface Size {
  readonly model: CompleteModelConfig;
}

export interface Terms {
  /** Parameter tokens of an attention projection, before and after the growth; the feed-forward layer has four times as many. */
  readonly from: number;
  readonly to: number;
  readonly learningRate: number;
  readonly vocabulary: number;
  readonly small: Size;
  readonly large: Size;
}

export const TEXT = "SOTU";

/** Held-out tokens of each loss that is reported, and of those around a growth. */
export const [HELD_OUT_TOKENS, AROUND_TOKENS] = [262_144, 16_384];

export const WIDTH = 128;

const [BATCH, CONTEXT, TOKENS_PER_PARAMETER, COOLDOWN] = [16, 128, 20, 0.2];

export const PROTOCOL = `4 layers of width ${WIDTH}, 8 heads, context ${CONTEXT}, balanced; State of the Union addresses by characters, batch ${BATCH} × ${CONTEXT}. The base is the small model at a constant rate, trained for ${TOKENS_PER_PARAMETER * (1 - COOLDOWN)} training tokens a parameter. Each recipe goes on from it until, with a cooldown of ${100 * COOLDOWN} % (1 - √, to 0) at the end, as many FLOPs are spent in all as ${TOKENS_PER_PARAMETER} training tokens a parameter cost the large model from scratch. Recipes share base and batches by seed, and one learning rate, that of the base. The loss is that of ${HELD_OUT_TOKENS} held-out tokens, evenly spaced over all documents.`;

export function termsOf(from: number, vocabulary: number, learningRate: number): Terms {
  const to = 2 * from;
  const size = (tokens: number) => ({ model: completeModel(tokens, vocabulary) });
  return { from, to, learningRate, vocabulary, small: size(from), large: size(to) };
}

export const modelOfSize = (tokens: number, { vocabulary }: Pick<Terms, "vocabulary">): Size => ({
  model: completeModel(tokens, vocabulary),
});

function completeModel(tokens: number, vocabulary: number): CompleteModelConfig {
  const sites = { query: tokens, key: tokens, value: tokens, projection: tokens, feedForward: 4 * tokens };
  const blocks = { layers: 4, heads: 8, width: WIDTH, context: CONTEXT, tied: true, parametrisation: "balanced" };
  return { ...parseConfig({ model: { type: "tokenformer", ...blocks, tokens: sites } }).model, vocabulary };
}

/** FLOPs of an update. */
export const costOf = ({ model }: Size) => trainingFlopsPerToken(model) * BATCH * CONTEXT;

/** FLOPs that each recipe spends, the base included. */
export const budgetOf = ({ large: { model } }: Terms) =>
  TOKENS_PER_PARAMETER * countParameters(model).total * trainingFlopsPerToken(model);

/** Updates of the base. */
export const baseSteps = ({ small: { model } }: Terms) =>
  Math.round(((1 - COOLDOWN) * TOKENS_PER_PARAMETER * countParameters(model).total) / (BATCH * CONTEXT));

/** Updates of the cooldown of a model that ends at a budget. */
export const cooldownSteps = (size: Size, budget: number) => Math.round((COOLDOWN * budget) / costOf(size));

/** A run at a constant rate. */
export function configOf(
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
  const training = { steps, batch: BATCH, schedule: "constant", learningRate, seed, checkpointEvery: 0, ...evaluation };
  const growth = growths.map(({ tokens, ...plan }) => {
    if (!Number.isInteger(tokens)) throw new Error(`${to - from} tokens cannot be added in so many pieces`);
    const add = { query: tokens, key: tokens, value: tokens, projection: tokens, feedForward: 4 * tokens };
    return { ...plan, add };
  });
  return parseConfig({ model, training, growth, tokenizer: "character" });
}
