/** What the kernel of `adamw-kernel.ts` is given, apart from it: a kernel is loaded in the device's thread alone. */

import type { SharedArrays } from "./replicas.ts";

/** Rows of a parameter that are updated alike. */
export interface RowUpdate {
  /** The first element, and the one after the last. */
  readonly start: number;
  readonly end: number;
  /** What the learning rate is multiplied by. */
  readonly rate: number;
  /** 1 / (1 - β₁ᵗ) and 1 / (1 - β₂ᵗ) at these rows' own count t. */
  readonly correction1: number;
  readonly correction2: number;
}

/** How a parameter is updated: its decay, and which of its rows. */
export interface TensorUpdate {
  readonly decay: number;
  readonly rows: readonly RowUpdate[];
}

export interface AdamWParameters {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** The largest global norm of the gradients; larger ones are scaled down to it. */
  readonly clip: number;
  /** The factor of the loss, by which the gradients are too large. */
  readonly lossScale: number;
  /** The arrays of replicas: gradients that are added to those of this device, and where the weights go then. */
  readonly shared?: (Pick<SharedArrays, "gradients"> & Partial<SharedArrays>) | undefined;
  readonly tensors: readonly ({ readonly name: string } & TensorUpdate)[];
}

/** The prefixes of the arrays' names: parameter, its gradient, and Adam's two moments. */
export const PREFIXES = { parameter: "p:", gradient: "g:", first: "m:", second: "v:" } as const;

/** What gradients of a global norm are multiplied by, so that it is at most `clip`. */
export function clipFactor(norm: number, clip: number): number {
  return Math.min(1, clip / (norm + 1e-6));
}
