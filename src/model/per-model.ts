/** What follows from a model alone is made once for all who open it, and forgotten with it. */

import type { Model } from "../nn/index.ts";

/** Values of one kind, such as its programs as graphs. */
export class PerModel<Value> {
  readonly #made = new WeakMap<Model, Map<string, Value>>();

  /** @param key tells the value from others that are made of the same model */
  get(model: Model, key: string, make: () => Value): Value {
    const ofModel = this.#made.get(model) ?? new Map<string, Value>();
    this.#made.set(model, ofModel);
    const value = ofModel.get(key) ?? make();
    ofModel.set(key, value);
    return value;
  }
}
