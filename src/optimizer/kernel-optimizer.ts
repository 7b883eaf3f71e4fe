/** AdamW in place, by kernels over arrays: for the CPU. */

import { elementCount, elementsOf } from "../element-count.ts";
import { allOrNothing, freeQuietly } from "../freeing.ts";
import type { Moments } from "../growth/index.ts";
import { copyTensors, type Tensors, uploadArrays } from "../inference/index.ts";
import type { ParameterSpec } from "../nn/index.ts";
import { required } from "../required.ts";
import type { Device, Kernel, OutputKernel } from "../runtime/portable.ts";
import {
  type AdamWOptions,
  type Computed,
  type HostState,
  learned,
  limitOf,
  normOf,
  type Optimizer,
  type OptimizerState,
  prefixed,
  type TogetherStep,
  type Tried,
  tensorsOf,
  type Updated,
  type UpdateStep,
  WholeOptimizer,
} from "./adamw.ts";
import { type AdamWParameters, PREFIXES } from "./adamw-parameters.ts";
import { tensorUpdates } from "./row-updates.ts";
import { SharedFloats } from "./shared-floats.ts";

export class KernelOptimizer extends WholeOptimizer implements Optimizer {
  readonly #shares: boolean;

  /** @param shares whether threads make the updates together: then moments are in memory that they share */
  constructor(device: Device, specs: readonly ParameterSpec[], options: AdamWOptions, shares = false) {
    super(device, specs, options);
    this.#shares = shares;
  }

  override async upload(state: HostState): Promise<OptimizerState> {
    if (!this.#shares) return super.upload(state);
    const { parameters, moments } = state;
    const floats = new SharedFloats();
    const shared = {
      floats,
      first: this.#inShared(floats, parameters, moments?.first),
      second: this.#inShared(floats, parameters, moments?.second),
    };
    return { parameters: await uploadArrays(this.device, parameters), first: new Map(), second: new Map(), shared };
  }

  override async moments(state: OptimizerState): Promise<Moments> {
    const { parameters, shared } = state;
    if (shared === undefined) return super.moments(state);
    return { first: this.#ofShared(parameters, shared.first), second: this.#ofShared(parameters, shared.second) };
  }

  async accumulate(total: Tensors, gradients: Tensors): Promise<Tensors> {
    const tensors = { ...prefixed("sum:", total), ...prefixed(PREFIXES.gradient, gradients) };
    await this.#spending(gradients, { kernel: "accumulate", tensors, parameters: [...total.keys()] });
    return total;
  }

  update(state: OptimizerState, computed: Computed, step: UpdateStep): Promise<Updated> {
    return this.#updated(state, computed, step);
  }

  async #updated(
    state: OptimizerState,
    { loss, gradients, shared }: Computed | Tried,
    step: UpdateStep,
  ): Promise<Updated> {
    const { tensors, ...kernel } = this.#stepKernel(state, step, shared);
    const all = { ...tensors, ...prefixed(PREFIXES.gradient, gradients) };
    return { loss, norm: normOf(await this.#spending(gradients, { ...kernel, tensors: all })), state };
  }

  async updateBeside(state: OptimizerState, tried: Tried, step: UpdateStep): Promise<Updated> {
    return allOrNothing(async (onFailure) => {
      onFailure(() => this.device.dispose(tried.gradients.values()));
      const copied = async (tensors: Tensors) => {
        const copies = await copyTensors(this.device, tensors);
        onFailure(() => this.device.dispose(copies.values()));
        return copies;
      };
      const beside = {
        parameters: await copied(state.parameters),
        first: await copied(state.first),
        second: await copied(state.second),
      };
      const { norm, loss } = await this.#updated(beside, tried, step);
      if (Number.isFinite(norm)) return { norm, loss, state: beside };
      await freeQuietly(() => this.device.dispose(tensorsOf(beside)));
      return { norm, loss, state };
    });
  }

  /** Runs a kernel that takes the gradients over: the device frees them in the same request. */
  async #spending(gradients: Tensors, kernel: Kernel): Promise<unknown> {
    try {
      return await this.device.kernel(kernel, gradients.values());
    } catch (error) {
      // The request may not have come to the device.
      await freeQuietly(() => this.device.dispose(gradients.values()));
      throw error;
    }
  }

  kernel(state: OptimizerState, step: UpdateStep, outputOf: (parameter: string) => string): OutputKernel {
    const outputs = this.specs.map(({ name }) => [PREFIXES.gradient + name, outputOf(name)] as const);
    return { ...this.#stepKernel(state, step), outputs: Object.fromEntries(outputs) };
  }

  together({ parameters, shared }: OptimizerState, step: UpdateStep): TogetherStep | undefined {
    return shared && { ...this.#numbers(parameters, step), moments: shared };
  }

  /** The kernel without the gradients. */
  #stepKernel(
    { parameters, first, second }: OptimizerState,
    step: UpdateStep,
    shared?: AdamWParameters["shared"],
  ): Kernel {
    const given: AdamWParameters = { ...this.#numbers(parameters, step), shared };
    const tensors = {
      ...prefixed(PREFIXES.parameter, learned(this.specs, parameters)),
      ...prefixed(PREFIXES.first, first),
      ...prefixed(PREFIXES.second, second),
    };
    return { kernel: "adamwStep", tensors, parameters: given };
  }

  /** What an update is given beside the arrays. */
  #numbers(parameters: Tensors, step: UpdateStep): Omit<AdamWParameters, "shared"> {
    const { beta1, beta2, epsilon } = this.options;
    return {
      beta1,
      beta2,
      epsilon,
      clip: limitOf(this.options),
      learningRate: step.learningRate,
      lossScale: step.lossScale,
      tensors: tensorUpdates(this.specs, parameters, step, this.options),
    };
  }

  /** Moments of what learns, one after the other in shared memory; zeros of none. */
  #inShared(
    floats: SharedFloats,
    parameters: HostState["parameters"],
    moments: HostState["parameters"] | undefined,
  ): Float32Array {
    const names = this.specs.map(({ name }) => name);
    const memory = floats.allocate(elementsOf(parameters, names));
    if (moments === undefined) return memory;
    let start = 0;
    for (const name of names) {
      const { data } = required(moments, name);
      memory.set(data, start);
      start += data.length;
    }
    return memory;
  }

  /** Copies of them. */
  #ofShared(parameters: Tensors, memory: Float32Array): Moments["first"] {
    let start = 0;
    const arrays = this.specs.map(({ name }) => {
      const { shape } = required(parameters, name);
      const end = start + elementCount(shape);
      const data = memory.slice(start, end);
      start = end;
      return [name, { shape, data }] as const;
    });
    return new Map(arrays);
  }

  async release(): Promise<void> {}
}
