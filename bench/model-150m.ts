/** The model of the benchmarks of writing: the size of the preset 150m, with random weights. */

import {
  countParameters,
  initialState,
  modelOf,
  parseConfig,
  presets,
  saveCheckpoint,
  type Tokenizer,
  type TrainerState,
} from "tokenformer";
import { sizesOf } from "tokenformer/model";
import { NEOX_VOCABULARY } from "#tokenformer/configuration";

export const VOCABULARY = NEOX_VOCABULARY;
const parsed = parseConfig(presets["150m"].config);
export const model = { ...parsed.model, vocabulary: VOCABULARY };
if (model.type !== "tokenformer") throw new Error("the preset is a tokenformer");
const { layers, width, heads, context } = model;
export const size = { layers, width, heads, context, vocabulary: VOCABULARY };
export const parameters = countParameters(model).total;

/** Draws the weights: takes a while. */
export const randomState = (): TrainerState => initialState(modelOf(model), 1, sizesOf(model));

/** Writes a state of the model as a checkpoint. */
export async function saveModel(to: string, state: TrainerState, tokenizer: Tokenizer): Promise<void> {
  const whole = { ...state, config: model, ramps: [], rewarm: undefined, moments: undefined };
  const progress = { start: 0, tokens: 0, flops: 0, seconds: 0, growthsDone: 0 };
  await saveCheckpoint(to, { config: { ...parsed, model }, state: whole, tokenizer, dataName: "", progress });
}
