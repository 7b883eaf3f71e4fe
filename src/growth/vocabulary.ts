/** A larger vocabulary: new rows of the tables of tokens, behind those that are there. */

import { UserError } from "../errors.ts";
import { type CompleteModelConfig, parametersOf } from "../model/index.ts";
import { Random } from "../random.ts";
import type { Generation, HostArray, ModelState } from "./state.ts";

/** The parameters with a row, or an element, for each token of the vocabulary. */
export const VOCABULARY_TABLES = new Set(["embedding.tokens", "output.weight", "output.bias"]);

/** Part of the deviation of old rows that new ones have around their mean, so that no two are the same. */
const SPREAD = 0.1;

/**
 * A state with more tokens in its vocabulary. New rows lie around the mean of the old ones: a token that was never seen is as likely
 * as one of those on average. Their moments are zero, which no update has made yet. What the model computes of the old tokens, but
 * for the normalisation of the probabilities, stays.
 * @throws UserError for a model of whose parameters others depend on the vocabulary than the tables of a TokenFormer or Transformer
 */
export function widenVocabulary(state: ModelState, vocabulary: number, seed: number): ModelState {
  if (state.config.type === "bigram") {
    throw new UserError(
      "a bigram model takes in no new tokens, as they are columns of its table too; train another one",
    );
  }
  const config: CompleteModelConfig = { ...state.config, vocabulary };
  checkTables(state, config);
  const before = state.config.vocabulary;
  const grown = (arrays: ReadonlyMap<string, HostArray>, row: RowMaker) =>
    new Map(
      [...arrays].map(([name, array]) => [
        name,
        VOCABULARY_TABLES.has(name) ? withRows(array, before, vocabulary, row(name)) : array,
      ]),
    );
  const { moments } = state;
  const zero: RowMaker = () => () => 0;
  return {
    ...state,
    config,
    parameters: grown(state.parameters, (name) => aroundMean(state.parameters.get(name), before, seed, name)),
    lineage: withBorn(state, vocabulary),
    // The momentum of an outer optimiser begins anew, as after growth.
    moments: moments && { first: grown(moments.first, zero), second: grown(moments.second, zero) },
  };
}

/** The generations of the state, with those of the tables' rows: Adam counts the updates of the new ones from here on. */
function withBorn({ config, parameters, lineage, step, updates }: ModelState, vocabulary: number) {
  const first: Generation = { tokens: config.vocabulary, born: 0, init: "initial", updates, frozenUntil: 0 };
  const tokens = vocabulary - config.vocabulary;
  const born: Generation = { tokens, born: step, init: "vocabulary", updates: 0, frozenUntil: 0 };
  const tables = [...VOCABULARY_TABLES].filter((name) => parameters.has(name));
  return new Map([...lineage, ...tables.map((name) => [name, [...(lineage.get(name) ?? [first]), born]] as const)]);
}

/** Checks that new rows of the tables make the parameters of the wider model, which one of one's own may have under other names. */
function checkTables({ parameters, config: { type } }: ModelState, config: CompleteModelConfig): void {
  for (const { name, size } of parametersOf(config)) {
    const { shape = [] } = parameters.get(name) ?? {};
    const made = VOCABULARY_TABLES.has(name) ? [config.vocabulary, ...shape.slice(1)] : shape;
    if (String(made) === String(size)) continue;
    const what = VOCABULARY_TABLES.has(name) ? "has not a row for each token" : "depends on the vocabulary too";
    throw new UserError(
      `${type}: its parameter "${name}" ${what}; new tokens are rows of ${[...VOCABULARY_TABLES].join(", ")} and of nothing else: name the tables of the model so, or train another one`,
    );
  }
}

/** Makes the elements of new rows of a parameter, by their column. */
type RowMaker = (name: string) => (column: number) => number;

function aroundMean(
  array: HostArray | undefined,
  rows: number,
  seed: number,
  name: string,
): (column: number) => number {
  const data = array?.data ?? new Float32Array();
  const width = data.length / rows;
  // With the number of rows, as a table that is extended again would draw the same ones.
  const random = Random.from("vocabulary", seed, name, rows);
  const columns = Array.from({ length: width }, (_, column) => {
    const values = Array.from({ length: rows }, (_unused, row) => data[row * width + column] ?? 0);
    const mean = values.reduce((sum, value) => sum + value, 0) / rows;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / rows;
    return { mean, deviation: Math.sqrt(variance) };
  });
  return (column) => {
    const { mean = 0, deviation = 0 } = columns[column] ?? {};
    return mean + SPREAD * deviation * random.normal();
  };
}

function withRows(
  { shape, data }: HostArray,
  rows: number,
  wanted: number,
  element: (column: number) => number,
): HostArray {
  const width = data.length / rows;
  const more = Float32Array.from({ length: (wanted - rows) * width }, (_, index) => element(index % width));
  const whole = new Float32Array(wanted * width);
  whole.set(data);
  whole.set(more, data.length);
  return { shape: [wanted, ...shape.slice(1)], data: whole };
}
