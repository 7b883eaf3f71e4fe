/** AdamW in place, by kernels over arrays: for the CPU. */

import { freeQuietly } from "../freeing.ts";
import type { Tensors } from "../inference/index.ts";
import type { Kernel, OutputKernel } from "../runtime/portable.ts";
import {
  type Computed,
  learned,
  limitOf,
  type Optimizer,
  type OptimizerState,
  prefixed,
  type Updated,
  type UpdateStep,
  WholeOptimizer,
} from "./adamw.ts";
import { type AdamWParameters, PREFIXES } from "./adamw-parameters.ts";
import type { SharedArrays } from "./replicas.ts";
import { tensorUpdates } from "./row-updates.ts";

export class KernelOptimizer extends WholeOptimizer implements Optimizer {
  async accumulate(total: Tensors, gradients: Tensors): Promise<Tensors> {
    const tensors = { ...prefixed("sum:", total), ...prefixed(PREFIXES.gradient, gradients) };
    await this.#spending(gradients, { kernel: "accumulate", tensors, parameters: [...total.keys()] });
    return total;
  }

  async update(state: OptimizerState, { loss, gradients, shared }: Computed, step: UpdateStep): Promise<Updated> {
    const { tensors, ...kernel } = this.#stepKernel(state, step, shared);
    const all = { ...tensors, ...prefixed(PREFIXES.gradient, gradients) };
    return { loss, norm: normOf(await this.#spending(gradients, { ...kernel, tensors: all })), state };
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

  /** The kernel without the gradients. */
  #stepKernel({ parameters, first, second }: OptimizerState, step: UpdateStep, shared?: SharedArrays): Kernel {
    const { beta1, beta2, epsilon } = this.options;
    const given: AdamWParameters = {
      beta1,
      beta2,
      epsilon,
      shared,
      clip: limitOf(this.options),
      learningRate: step.learningRate,
      lossScale: step.lossScale,
      tensors: tensorUpdates(this.specs, parameters, step, this.options),
    };
    const tensors = {
      ...prefixed(PREFIXES.parameter, learned(this.specs, parameters)),
      ...prefixed(PREFIXES.first, first),
      ...prefixed(PREFIXES.second, second),
    };
    return { kernel: "adamwStep", tensors, parameters: given };
  }

  async release(): Promise<void> {}
}

/** The kernel's answer. */
export function normOf(answer: unknown): number {
  if (typeof answer !== "number") throw new Error("internal: the AdamW kernel gave no norm");
  return answer;
}
