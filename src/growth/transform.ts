/** Growing a whole model by a strategy that makes another one of it. */

import { elementCount } from "../element-count.ts";
import { UserError } from "../errors.ts";
import { type ModelConfig, modelSchema, parametersOf, sites } from "../model/index.ts";
import { checkPlainly } from "../plain-words.ts";
import { Random } from "../random.ts";
import { CHANNELS } from "./net2net.ts";
import {
  fillInitial,
  type Generation,
  type HostArray,
  lostTokens,
  type ModelState,
  type Moments,
  padded,
  requireArray,
  requireFinite,
} from "./state.ts";
import type { AnyModelStrategy, ModelGrowth } from "./strategy.ts";

/** What a plan asks of a strategy for whole models. */
export interface Transformation {
  readonly strategy: AnyModelStrategy;
  readonly options: unknown;
  /** Whether Adam corrects the moments of what is new as those of what was there, or by steps of its own. */
  readonly joins: boolean;
  /** Steps over which the learning rate of what is new rises from zero, where it has steps of its own. */
  readonly newWarmup: number;
}

/**
 * The configuration of the larger model.
 * @throws UserError where the strategy refuses the model, and where what it gives is none, or of another context
 */
export function largerConfig(
  before: ModelConfig,
  { strategy, options }: Pick<Transformation, "strategy" | "options">,
): ModelConfig {
  const given = { ...strategy.config(before, options), vocabulary: before.vocabulary };
  const { data: after, error } = checkPlainly(modelSchema, given);
  const where = `growth plan: ${strategy.name}: the grown model`;
  if (after === undefined) {
    const [issue] = error.issues;
    throw new UserError([where, ...(issue?.path ?? []), issue?.message].map(String).join(": "));
  }
  if (after.context === before.context) return after;
  throw new UserError(
    `${where}: context is ${after.context}, expected ${before.context} as before; a run trains on windows of one length`,
  );
}

/**
 * The state of the larger model. Draws depend on `seed`, the step, the model and names alone.
 * @throws UserError where the strategy refuses the model, or gives parameters that the larger one has not
 */
export function transform(state: ModelState, transformation: Transformation, seed: number): ModelState {
  const { strategy, options } = transformation;
  const before = state.config;
  const after = { ...largerConfig(before, transformation), vocabulary: before.vocabulary };
  const growth: ModelGrowth = {
    before,
    after,
    parameters: state.parameters,
    initial: new Map(parametersOf(after).map(({ name, initial, size }) => [name, { initial, shape: size }])),
    // The size of the model is among the seeds, so that growing twice after one step does not draw the same numbers twice.
    random: (name) => Random.from("growth", strategy.name, seed, state.step, sizeOf(state), name),
  };
  const parameters = completeParameters(growth, strategy.parameters(growth, options), strategy.name);
  const grown = {
    ...state,
    config: after,
    parameters,
    moments: state.moments && moments(state.moments, growth, strategy),
  };
  const lineage = strategy.lineage?.(state, before, after) ?? lineageAfter(state, grown, transformation);
  const paths = new Set(sites(after).map(({ path }) => path));
  return { ...grown, lineage, ramps: state.ramps.filter(({ site }) => paths.has(site)) };
}

/** The numbers of a model, and the tokens that pruning has dropped of it, so that no growth is of the same size as an earlier one. */
function sizeOf({ parameters, lineage }: ModelState): number {
  const numbers = [...parameters.values()].reduce((sum, { data }) => sum + data.length, 0);
  return [...lineage.values()].reduce((sum, generations) => sum + lostTokens(generations), numbers);
}

/** The parameters in the order of the model, in which they are saved; those that the strategy left out as the model starts them. */
function completeParameters(
  { initial, random }: Pick<ModelGrowth, "initial" | "random">,
  given: ReadonlyMap<string, HostArray>,
  strategy: string,
): Map<string, HostArray> {
  for (const name of given.keys()) {
    if (!initial.has(name)) throw new UserError(`growth plan: ${strategy}: the grown model has no parameter ${name}`);
  }
  return new Map(
    [...initial].map(([name, { initial: start, shape }]) => {
      const array = given.get(name);
      if (array === undefined) {
        const data = new Float32Array(elementCount(shape));
        fillInitial(data, start, random(`initial ${name}`));
        return [name, { shape, data }];
      }
      requireArray(array, shape, `${strategy}: ${name}`);
      return [name, array];
    }),
  );
}

/** Adam's moments: as they were with zeros behind them, unless the strategy has something else in mind. */
function moments({ first, second }: Moments, growth: ModelGrowth, strategy: AnyModelStrategy): Moments {
  const grown = (old: ReadonlyMap<string, HostArray>) => {
    const own = strategy.moments?.(old, growth) ?? old;
    return new Map(
      [...growth.initial].map(([name, { shape }]) => {
        const moment = own.get(name);
        if (moment === undefined) return [name, { shape, data: new Float32Array(elementCount(shape)) }];
        requireFinite(moment, `${strategy.name}: a moment of ${name}`);
        return [name, fitted(moment, shape)];
      }),
    );
  };
  return { first: grown(first), second: grown(second) };
}

/** A moment with zeros behind it; zeros alone where it does not fit into the shape. */
function fitted(moment: HostArray, shape: readonly number[]): HostArray {
  if (String(moment.shape) === String(shape)) return moment;
  const fits = moment.shape.length === shape.length && moment.shape.every((size, axis) => size <= (shape[axis] ?? 0));
  return fits && shape.length <= 2 ? padded(moment, shape) : { shape, data: new Float32Array(elementCount(shape)) };
}

/** The books of the larger model: each site, and each parameter that there was not, has what is new as a generation of its own. */
function lineageAfter(
  state: ModelState,
  grown: Pick<ModelState, "config" | "parameters">,
  { strategy, joins, newWarmup }: Transformation,
): Map<string, readonly Generation[]> {
  const born = (tokens: number): Generation => ({
    tokens,
    born: state.step,
    init: strategy.name,
    updates: joins ? state.updates : 0,
    frozenUntil: 0,
    ...(!joins && newWarmup > 0 && { warmup: newWarmup }),
  });
  const extended = (name: string, rows: number): readonly Generation[] => {
    const old = state.lineage.get(name) ?? [];
    const known = old.reduce((sum, { tokens }) => sum + tokens, 0);
    if (known > rows)
      throw new UserError(`growth plan: ${strategy.name}: ${name} has lost tokens; growing cannot shrink`);
    return known === rows ? old : [...old, born(rows - known)];
  };
  const tokens = new Set(tokenParameters(grown.config));
  const lineage = new Map<string, readonly Generation[]>();
  for (const { path, tokens: rows } of sites(grown.config)) lineage.set(path, extended(path, rows));
  for (const [name, { shape }] of grown.parameters) {
    if (tokens.has(name) || (state.parameters.has(name) && !state.lineage.has(name))) continue;
    lineage.set(name, extended(name, shape[0] ?? 1));
  }
  const channels = state.lineage.get(CHANNELS);
  if (channels !== undefined && sameWidth(state.config, grown.config)) lineage.set(CHANNELS, channels);
  return lineage;
}

/** Whether both are Transformers, which alone are widened, with as many channels. */
function sameWidth(before: ModelConfig, after: ModelConfig): boolean {
  return before.type === "transformer" && after.type === "transformer" && before.width === after.width;
}

/** Names of the parameters whose rows are tokens of a site. */
function tokenParameters(config: ModelConfig): string[] {
  return sites(config).flatMap(({ path }) => [`${path}.keys`, `${path}.values`]);
}
