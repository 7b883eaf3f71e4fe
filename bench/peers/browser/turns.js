/** What the workers share: the same weights and batches for all, and answers to how many steps to make. */

import { initialState, modelOf, parseConfig, presets } from "tokenformer/browser";
import { sizesOf } from "tokenformer/model";

const VOCABULARY = 65;

export const batch = 12;
/** nanoGPT's size for a CPU; a TokenFormer with as many parameter tokens as channels, and four times as many. */
export const { model, training } = parseConfig(presets["nanogpt-cpu"].config);
/** All tensors learn at one rate, as in the other libraries. */
export const config = { ...model, parametrisation: "published", dropout: 0, vocabulary: VOCABULARY };
export const state = () => initialState(modelOf(config), 1, sizesOf(config));

/** Weights by name, with shape and data. */
export const weights = () => Object.fromEntries(state().parameters);

let seed = 1;
const draw = () => {
  seed = (seed * 48271) % 2147483647;
  return seed % VOCABULARY;
};

/** Tokens and targets of one batch of random text. */
export function nextBatch() {
  const { context } = config;
  const rows = Array.from({ length: batch }, () => Array.from({ length: context + 1 }, draw));
  const joined = (from, to) => Int32Array.from(rows.flatMap((row) => row.slice(from, to)));
  return { tokens: joined(0, context), targets: joined(1, context + 1), sequences: batch, context };
}

/** A batch as one-hot rows [N, V]. */
export function oneHotBatch() {
  const { tokens, targets } = nextBatch();
  const oneHot = (ids) => {
    const matrix = new Float32Array(ids.length * VOCABULARY);
    ids.forEach((id, row) => {
      matrix[row * VOCABULARY + id] = 1;
    });
    return matrix;
  };
  return { tokens: oneHot(tokens), targets: oneHot(targets), shape: [tokens.length, VOCABULARY] };
}

/** A function that makes steps, and gives the seconds and the loss of each. `step` prepares what is not timed, and gives what is. */
export function timed(step) {
  return async (count) => {
    const result = { seconds: [], losses: [] };
    for (let index = 0; index < count; index++) {
      const run = step();
      const startedAt = performance.now();
      result.losses.push(await run());
      result.seconds.push((performance.now() - startedAt) / 1000);
    }
    return result;
  };
}

/** Lets a worker answer how many steps it is asked for. */
export function answer(turn) {
  self.onmessage = async ({ data: count }) => {
    try {
      self.postMessage(await turn(count));
    } catch (error) {
      self.postMessage({ error: String(error) });
    }
  };
}
