/**
 * AdamW (arXiv 1711.05101) with decoupled weight decay on matrices and gradient clipping by the global norm: what one update is given
 * and gives, whoever makes it.
 *
 * Two forms of it: `KernelOptimizer` changes arrays on the CPU in place, `GraphOptimizer` is for devices that keep the state
 * themselves. A row of a parameter has its own count of updates, so that parameter tokens that were appended later get Adam's bias
 * correction from their own first step on, and frozen rows stay untouched.
 */

import { allOrNothing } from "../freeing.ts";
import type { Generation, Moments, TrainerState } from "../growth/index.ts";
import { downloadArrays, type Tensors, uploadArrays } from "../inference/index.ts";
import type { ParameterSpec } from "../nn/index.ts";
import { required } from "../required.ts";
import type { Device, DeviceTensor, OutputKernel } from "../runtime/portable.ts";
import type { AdamWParameters } from "./adamw-parameters.ts";
import type { OuterState } from "./local-optimizer.ts";
import type { SharedArrays } from "./replicas.ts";
import type { SharedFloats } from "./shared-floats.ts";
import type { SharedState } from "./together-parameters.ts";

export interface AdamWOptions {
  /** β₁, β₂: how slowly the moments forget. */
  readonly beta1: number;
  readonly beta2: number;
  /** ε, added to the root of the second moment. */
  readonly epsilon: number;
  /**
   * λ: each update first multiplies matrices by 1 - learning rate · λ. That is the learning rate without a parameter's own factor,
   * so that all parameters forget over the same number of updates, whatever their rates.
   */
  readonly weightDecay: number;
  /** The largest global norm of the gradients; 0: no limit. */
  readonly clip: number;
}

/** @throws RangeError for numbers that moments and updates cannot be made with */
export function checkAdamW({ beta1, beta2, epsilon, weightDecay, clip }: AdamWOptions): void {
  const refuse = (found: string, expected: string) => {
    throw new RangeError(`AdamW with ${found}: expected ${expected}`);
  };
  for (const [name, beta] of Object.entries({ beta1, beta2 }))
    if (!(beta >= 0 && beta < 1)) refuse(`${name} ${beta}`, "from 0 to below 1");
  if (!(epsilon > 0 && Number.isFinite(epsilon))) refuse(`epsilon ${epsilon}`, "a number above 0");
  for (const [name, value] of Object.entries({ weightDecay, clip }))
    if (!(value >= 0 && Number.isFinite(value))) refuse(`${name} ${value}`, "a number from 0");
}

/** What one update needs to know beside the tensors. */
export interface UpdateStep {
  readonly learningRate: number;
  /** The update's number, from 1. */
  readonly step: number;
  /** Updates made before, for parameters without generations. */
  readonly updates: number;
  /** The gradients are those of the loss times this: see `LossScale`. */
  readonly lossScale: number;
  /** The generations of a parameter's rows, if it has any. */
  readonly generations: (name: string) => readonly Generation[] | undefined;
  /** The generations of a matrix's columns, if it has any: a number is as old as the younger of its row and its column. */
  readonly columns?: (name: string) => readonly Generation[] | undefined;
}

/** Updates parameters and moments on a device. */
export interface Optimizer {
  /** Adds gradients, which it takes over, to `total`, which stays the caller's if that fails. Returns the new total. */
  accumulate(total: Tensors, gradients: Tensors): Promise<Tensors>;
  /** Puts a state on the device; where no moments are given, they are zero. */
  upload(state: HostState): Promise<OptimizerState>;
  /**
   * Copies the moments to the host.
   * @param wanted whether they are; otherwise they are empty, and this rank only gives others what is its own
   */
  moments(state: OptimizerState, wanted: boolean): Promise<Moments>;
  /**
   * One update. Takes the gradients over; returns the global norm of the gradients before clipping. If that is not finite,
   * nothing is updated.
   */
  update(state: OptimizerState, computed: Computed, step: UpdateStep): Promise<Updated>;
  /**
   * The update of a state in place, right after the program that gives the gradients; its answer is the norm. `undefined`
   * where the device has no kernels.
   * @param outputOf the program's output with the gradient of a parameter
   */
  kernel(state: OptimizerState, step: UpdateStep, outputOf: (parameter: string) => string): OutputKernel | undefined;
  /** What threads are given that make the update of a state together; `undefined` where the state is not in memory that they share. */
  together(state: OptimizerState, step: UpdateStep): TogetherStep | undefined;
  /** Frees its programs. */
  release(): Promise<void>;
}

/** One update by several threads, and Adam's moments in memory that they share. */
export interface TogetherStep extends Omit<AdamWParameters, "shared"> {
  readonly moments: SharedMoments;
}

/** What a device computes of its part of a batch. */
export interface Computed {
  readonly loss: number;
  readonly gradients: Tensors;
  /** Gradients of replicas, which are added, and where the new weights go for them; only where there are kernels. */
  readonly shared?: SharedArrays | undefined;
}

/** What an update is made of that need not last: replicas are not told of its weights. */
export interface Tried extends Omit<Computed, "shared"> {
  readonly shared?: Pick<SharedArrays, "gradients"> | undefined;
}

export interface Updated {
  /** The norm of the gradients of all ranks together. */
  readonly norm: number;
  /** The loss, summed over all ranks. */
  readonly loss: number;
  readonly state: OptimizerState;
}

/** Adam's moments of all parameters that learn, one after the other. */
export interface SharedMoments extends Pick<SharedState, "first" | "second"> {
  /** What has them, and has room for weights and gradients beside them. */
  readonly floats: SharedFloats;
}

/** A state on the host, by the names of the parameters. */
export type HostState = Pick<TrainerState, "parameters" | "moments">;

/** A state on a device. Where the optimiser is divided among ranks, the moments are those of this rank. */
export interface OptimizerState {
  readonly parameters: Tensors;
  readonly first: Tensors;
  readonly second: Tensors;
  /** The moments, where threads share their memory: then there are no tensors of them. */
  readonly shared?: SharedMoments | undefined;
  /** The outer optimiser's state, where ranks make updates by themselves. */
  readonly outer?: OuterState | undefined;
}

/** The tensors that learn: the parameters of which there are specs. */
export function learned(specs: readonly ParameterSpec[], tensors: Tensors): Tensors {
  if (specs.length === tensors.size) return tensors;
  return new Map(specs.map(({ name }) => [name, required(tensors, name)]));
}

export const tensorsOf = ({ parameters, first, second }: OptimizerState): DeviceTensor[] => [
  ...parameters.values(),
  ...first.values(),
  ...second.values(),
];

/** The largest global norm of the gradients. */
export const limitOf = ({ clip }: AdamWOptions) => (clip === 0 ? Number.POSITIVE_INFINITY : clip);

/** The answer of a kernel that makes an update. */
export function normOf(answer: unknown): number {
  if (typeof answer !== "number") throw new Error("internal: the AdamW kernel gave no norm");
  return answer;
}

/** An optimiser whose state is on one device, all of it. */
export abstract class WholeOptimizer {
  protected readonly device: Device;
  protected readonly specs: readonly ParameterSpec[];
  protected readonly options: AdamWOptions;

  /**
   * As `update`, but what learns is made anew, and the state that is given stays as it is. A failure changes nothing. If the norm is
   * not finite, that state is the one of the result.
   */
  abstract updateBeside(state: OptimizerState, tried: Tried, step: UpdateStep): Promise<Updated>;

  constructor(device: Device, specs: readonly ParameterSpec[], options: AdamWOptions) {
    this.device = device;
    this.specs = specs;
    this.options = options;
  }

  upload({ parameters, moments }: HostState): Promise<OptimizerState> {
    const zeros = () =>
      new Map(
        this.specs.map(({ name }) => {
          const { shape, data } = required(parameters, name);
          return [name, { shape, data: new Float32Array(data.length) }] as const;
        }),
      );
    return allOrNothing(async (onFailure) => {
      const upload = async (arrays: HostState["parameters"]) => {
        const uploaded = await uploadArrays(this.device, arrays);
        onFailure(() => this.device.dispose(uploaded.values()));
        return uploaded;
      };
      return {
        parameters: await upload(parameters),
        first: await upload(moments?.first ?? zeros()),
        second: await upload(moments?.second ?? zeros()),
      };
    });
  }

  async moments({ first, second }: OptimizerState): Promise<Moments> {
    return { first: await downloadArrays(this.device, first), second: await downloadArrays(this.device, second) };
  }
}

export function prefixed(prefix: string, tensors: Tensors): Record<string, DeviceTensor> {
  return Object.fromEntries([...tensors].map(([name, tensor]) => [prefix + name, tensor]));
}
