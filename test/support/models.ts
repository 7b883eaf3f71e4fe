/** Small models with drawn weights, and what a device makes of them. */

import type { HostArray, ModelState } from "../../src/growth/index.ts";
import { countedIn, formOf, Inference, type TokenBatch, uploadArrays } from "../../src/inference/inference.ts";
import {
  type CompleteModelConfig,
  givenOf,
  modelOf,
  parametersOf,
  sites,
  sizesOf,
  type TokenFormerConfig,
  type TransformerConfig,
} from "../../src/model/index.ts";
import type { Device } from "../../src/runtime/index.ts";
import { gradientsOf } from "../../src/training/gradient-program.ts";
import { initialState } from "../../src/training/initial-state.ts";
import { fromHost } from "./device.ts";
import { integers, normal, type Values, values } from "./values.ts";

/** A TokenFormer whose sizes are all different. */
export const tinyTokenFormer: CompleteModelConfig<TokenFormerConfig> = {
  type: "tokenformer",
  vocabulary: 13,
  context: 5,
  layers: 2,
  heads: 2,
  width: 10,
  dropout: 0,
  tied: true,
  tokens: { query: 7, key: 6, value: 9, projection: 8, feedForward: 11 },
  learnedTau: false,
  activation: "l2_norm_gelu",
  positions: "rotary",
  rotaryFraction: 0.8,
  blockNorm: "nonparametric",
  finalNorm: "parametric",
};

/** The lecture's Transformer, small. */
export const tinyTransformer: CompleteModelConfig<TransformerConfig> = {
  type: "transformer",
  vocabulary: 11,
  context: 17,
  layers: 2,
  heads: 3,
  width: 12,
  dropout: 0,
  tied: true,
  activation: "relu",
  biases: true,
  positions: "learned",
  normEpsilon: 1e-5,
  rotaryFraction: 0.5,
};

/** What a model computes with. */
export interface Weights {
  readonly config: CompleteModelConfig;
  readonly parameters: ReadonlyMap<string, HostArray>;
}

/** Parameters further from zero than initial ones, so that every nonlinearity bends. Scales lie around 1. */
export function drawnParameters(config: CompleteModelConfig, deviation = 0.5): Map<string, HostArray> {
  return new Map(
    parametersOf(config).map(({ name, size, initial }) => {
      const data = Float32Array.from(normal(name, size, deviation).data);
      return [
        name,
        { shape: size, data: initial.kind === "constant" ? data.map((value) => initial.value + value) : data },
      ];
    }),
  );
}

/** The state of a new model, with drawn parameters where they are given. */
export function modelState(config: CompleteModelConfig, changes: Partial<ModelState> = {}): ModelState {
  const initial = initialState(modelOf(config), 1, sizesOf(config));
  return { ...initial, config, ramps: [], rewarm: undefined, ...changes };
}

export function drawnBatch(key: string, [sequences, context]: readonly [number, number], vocabulary: number) {
  const draw = (name: string) => Int32Array.from(integers(`${key} ${name}`, [sequences, context], vocabulary).data);
  return { tokens: draw("tokens"), targets: draw("targets"), sequences, context } satisfies TokenBatch;
}

/** The logits [B, T, V] and the mean loss of a batch. */
export async function evaluated(device: Device, weights: Weights, batch: TokenBatch) {
  const parameters = await uploadArrays(device, weights.parameters);
  const inference = new Inference(device, modelOf(weights.config), parameters, givenOf(weights.config));
  const logits = await inference.logits(batch.tokens, [batch.sequences, batch.context]);
  const { loss } = await inference.evaluate([batch]);
  await inference.release();
  await device.dispose(parameters.values());
  return { logits: arrayValues(logits), loss };
}

export async function logitsOf(device: Device, weights: Weights, batch: TokenBatch): Promise<Values> {
  return (await evaluated(device, weights, batch)).logits;
}

/** The gradients of the mean loss of the targets of a batch that count, by parameter. @param time as of `gradientsOf` */
export async function lossGradients(device: Device, { config, parameters }: Weights, batch: TokenBatch, time?: number) {
  const { specs, graph } = gradientsOf(modelOf(config), time, formOf(batch));
  const program = await device.compile(graph, { download: [...graph.outputs.keys()] });
  const uploaded = await uploadArrays(device, parameters);
  const inference = new Inference(device, modelOf(config), uploaded, givenOf(config));
  const { values: results } = await program.run({
    ...inference.inputs(),
    ...inference.batchInputs(batch, 1 / countedIn(batch)),
  });
  await program.release();
  await device.dispose(uploaded.values());
  return new Map(
    specs.map(({ name }) => {
      const gradient = results[`gradient:${name}`];
      if (gradient === undefined) throw new Error(`no gradient of ${name}`);
      return [name, fromHost(gradient)] as const;
    }),
  );
}

/** Every element of a site's tokens from one on: keys and values. */
export function tokenRows(
  { shape, data }: { shape: readonly number[]; data: ArrayLike<number> },
  from: number,
  to?: number,
) {
  const columns = shape[1] ?? 1;
  return Array.from(data).slice(from * columns, to === undefined ? undefined : to * columns);
}

export const arrayValues = ({ shape, data }: HostArray): Values => values(shape, [...data]);

/** The largest difference, in units of the largest number of `before`. */
export function relativeDifference(before: Values, after: Values): number {
  const largest = (x: readonly number[]) => x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largest(before.data.map((value, index) => value - (after.data[index] ?? Number.NaN))) / largest(before.data);
}

export const sitePathsOf = (config: CompleteModelConfig): string[] => sites(config).map(({ path }) => path);
