/** All that training changes, as plain data on the host: what a checkpoint holds and what growth transforms. */

import { elementCount } from "../element-count.ts";
import { UserError } from "../errors.ts";
import { type CompleteModelConfig, sites, withSites } from "../model/index.ts";
import type { Initial } from "../nn/index.ts";
import type { Random } from "../random.ts";

/** A float32 array with a shape, row-major. */
export interface HostArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Throws a `UserError` where what a strategy gives has not the shape that it should have, or not as many elements, or is not finite. */
export function requireArray(array: HostArray, expected: readonly number[], what: string): void {
  const { shape, data } = array;
  const elements = data.length === elementCount(shape) ? "" : ` and ${data.length} elements`;
  if (elements !== "" || String(shape) !== String(expected)) {
    throw new UserError(`growth plan: ${what} has the shape [${shape}]${elements}, expected [${expected}]`);
  }
  requireFinite(array, what);
}

/** Throws a `UserError` where what a strategy gives has an element with which no model can learn. */
export function requireFinite({ data }: HostArray, what: string): void {
  for (let index = 0; index < data.length; index++) {
    if (Number.isFinite(data[index])) continue;
    throw new UserError(`growth plan: ${what} has ${data[index]} at element ${index}, expected finite numbers`);
  }
}

/** Parameter tokens of a site, or channels of a widened model, that were born together. */
export interface Generation {
  readonly tokens: number;
  /** The step after which they were appended; 0 for the first ones. */
  readonly born: number;
  /** How the tokens started: by a model's initial distributions, or a growth plan's `init`. */
  readonly init: string;
  /** Tokens that pruning has dropped of these, and of generations that it left none of. Default 0. */
  readonly lost?: number | undefined;
  /** Updates that Adam's bias correction counts for them. */
  readonly updates: number;
  /** They are not trained up to and including this step. */
  readonly frozenUntil: number;
  /** Steps over which their learning rate rises from zero, from their birth on. Default 0. */
  readonly warmup?: number | undefined;
  /** What their learning rate is multiplied by at their birth, falling to 1 in a straight line over so many steps. */
  readonly boost?: { readonly rate: number; readonly steps: number } | undefined;
}

/** A τ on its way from one value to another, in equal parts over some steps. */
export interface TauRamp {
  /** Path of the site. */
  readonly site: string;
  readonly from: number;
  readonly to: number;
  /** The step after which it began. */
  readonly start: number;
  readonly steps: number;
}

/** Adam's moments, by parameter. */
export interface Moments {
  readonly first: ReadonlyMap<string, HostArray>;
  readonly second: ReadonlyMap<string, HostArray>;
  /** The momentum of the outer optimiser, where ranks make updates by themselves; growth begins it anew. */
  readonly outer?: ReadonlyMap<string, HostArray> | undefined;
}

/** What an optimiser changes, for any model. */
export interface TrainerState {
  /** Updates made so far. */
  readonly step: number;
  readonly parameters: ReadonlyMap<string, HostArray>;
  /** Adam's moments; `undefined` before the first update, and where only the weights are known. */
  readonly moments: Moments | undefined;
  /** Updates that Adam's bias correction counts for the parameters that are not tokens. */
  readonly updates: number;
  /**
   * The generations of each site's tokens, oldest first, by the site's path; of a widened model's channels, by `width`; of a τ
   * that has become learned, and of tables to which rows of new tokens of the vocabulary were added, by their own names.
   */
  readonly lineage: ReadonlyMap<string, readonly Generation[]>;
}

/** How many tokens of some generations pruning has dropped. */
export function lostTokens(generations: readonly Generation[] = []): number {
  return generations.reduce((sum, { lost = 0 }) => sum + lost, 0);
}

/** The state as the optimiser has it before its first update. */
export function withoutMoments<State extends TrainerState>(state: State): State {
  const lineage = [...state.lineage].map(
    ([path, generations]) => [path, generations.map((generation) => ({ ...generation, updates: 0 }))] as const,
  );
  return { ...state, moments: undefined, updates: 0, lineage: new Map(lineage) };
}

/** What training and growth change of a model that a configuration describes: the contents of a checkpoint. */
export interface ModelState extends TrainerState {
  /** The model, with the numbers of tokens and every τ as they are now. */
  readonly config: CompleteModelConfig;
  readonly ramps: readonly TauRamp[];
  /** The step after which the learning rate rises from zero again, and over how many steps. */
  readonly rewarm: { readonly start: number; readonly steps: number } | undefined;
}

/** A ramp's τ once `step` updates are made: what the next pass uses. */
export function rampedTau({ from, to, start, steps }: TauRamp, step: number): number {
  return step >= start + steps ? to : from + ((to - from) * Math.max(0, step - start)) / steps;
}

/** A configuration with each ramp's τ where it is after `step` updates, and the ramps that go on. */
export function advanceRamps(
  { config, ramps }: Pick<ModelState, "config" | "ramps">,
  step: number,
): Pick<ModelState, "config" | "ramps"> {
  if (ramps.length === 0) return { config, ramps };
  const taus = new Map(ramps.map((ramp) => [ramp.site, rampedTau(ramp, step)]));
  const ramped = sites(config).map((site) => ({ ...site, tau: taus.get(site.path) ?? site.tau }));
  return {
    config: withSites(config, ramped),
    ramps: ramps.filter((ramp) => step < ramp.start + ramp.steps),
  };
}

/** The array in a shape that is nowhere smaller, with zeros behind what there was along each axis. It has one or two. */
export function padded({ shape: old, data }: HostArray, shape: readonly number[]): HostArray {
  const columns = (of: readonly number[]) => of[1] ?? 1;
  const larger = new Float32Array(elementCount(shape));
  for (let row = 0; row < (old[0] ?? 1); row++) {
    larger.set(data.subarray(row * columns(old), (row + 1) * columns(old)), row * columns(shape));
  }
  return { shape, data: larger };
}

/** The array with rows of zeros appended. */
export function withRows(array: HostArray, rows: number): HostArray {
  const [old = 0, ...rest] = array.shape;
  return padded(array, [old + rows, ...rest]);
}

/** Fills an array, or a part of one, as a model starts its parameters. */
export function fillInitial(data: Float32Array, initial: Initial, random: Random): void {
  if (initial.kind === "constant") data.fill(initial.value);
  else for (let index = 0; index < data.length; index++) data[index] = initial.deviation * random.normal();
}
