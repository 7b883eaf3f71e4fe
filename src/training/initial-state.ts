/** The state of a model that has not been trained. */

import { elementCount } from "../element-count.ts";
import { fillInitial, type Generation, type HostArray, type TrainerState } from "../growth/index.ts";
import { traceModel } from "../model/index.ts";
import type { Model, ParameterSpec } from "../nn/index.ts";
import { Random } from "../random.ts";
import { concreteShape } from "../tensor/index.ts";
import { siteOf } from "./trainer.ts";

/**
 * The state of a new model: parameters as the model says, each drawn from the seed and its own name alone.
 * @param sizes the values of the symbolic dimensions in the parameters' shapes, such as a site's number of tokens
 */
export function initialState(model: Model, seed: number, sizes: ReadonlyMap<string, number> = new Map()): TrainerState {
  const { scope } = traceModel(model, { training: false });
  const parameters = new Map(scope.parameters.map((spec) => [spec.name, initialArray(spec, seed, sizes)]));
  return { step: 0, parameters, moments: undefined, updates: 0, lineage: firstGenerations(parameters) };
}

function initialArray(
  { name, shape: symbolic, initial }: ParameterSpec,
  seed: number,
  sizes: ReadonlyMap<string, number>,
): HostArray {
  const shape = concreteShape(symbolic, sizes);
  const data = new Float32Array(elementCount(shape));
  fillInitial(data, initial, Random.from("initial", seed, name));
  return { shape, data };
}

/** The lineage of a model that has not grown: all tokens of a site are of one generation. */
function firstGenerations(parameters: ReadonlyMap<string, HostArray>): Map<string, Generation[]> {
  const lineage = new Map<string, Generation[]>();
  for (const [name, { shape }] of parameters) {
    const site = siteOf(name);
    const tokens = shape[0];
    if (site === undefined || tokens === undefined) continue;
    lineage.set(site, [{ tokens, born: 0, init: "initial", updates: 0, frozenUntil: 0 }]);
  }
  return lineage;
}
