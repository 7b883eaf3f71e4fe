/**
 * AdamW on several ranks, each with a GPU that has the whole state: their gradients are added up on the way through the memory
 * of the host, and every rank makes the same update.
 */

import { type Communicator, sharedArray, sumNumbers, type WireType } from "../cluster/portable.ts";
import { allOrNothing, freeQuietly } from "../freeing.ts";
import type { Moments } from "../growth/index.ts";
import { floatArray, type Tensors } from "../inference/index.ts";
import type { Device, DeviceTensor } from "../runtime/portable.ts";
import type { Computed, HostState, Optimizer, OptimizerState, Updated, UpdateStep } from "./adamw.ts";

export class ReducedOptimizer implements Optimizer {
  readonly #device: Device;
  readonly #inner: Optimizer;
  readonly #communicator: Communicator;
  readonly #wire: WireType;

  /**
   * @param inner makes the updates of one rank; it is released with this one
   * @param wire how gradients travel
   */
  constructor(device: Device, inner: Optimizer, communicator: Communicator, wire: WireType = "float32") {
    this.#device = device;
    this.#inner = inner;
    this.#communicator = communicator;
    this.#wire = wire;
  }

  upload(state: HostState): Promise<OptimizerState> {
    return this.#inner.upload(state);
  }

  moments(state: OptimizerState, wanted: boolean): Promise<Moments> {
    return this.#inner.moments(state, wanted);
  }

  accumulate(total: Tensors, gradients: Tensors): Promise<Tensors> {
    return this.#inner.accumulate(total, gradients);
  }

  async update(state: OptimizerState, { loss, gradients }: Computed, step: UpdateStep): Promise<Updated> {
    const reduce = async () => {
      const [wholeLoss = Number.NaN] = await sumNumbers(this.#communicator, [loss]);
      return { loss: wholeLoss, gradients: await this.#reduced(gradients) };
    };
    const whole = await reduce().finally(() => freeQuietly(() => this.#device.dispose(gradients.values())));
    return this.#inner.update(state, whole, step);
  }

  kernel(): undefined {}

  together(): undefined {}

  async release(): Promise<void> {
    await this.#inner.release();
  }

  /** The sums over all ranks, one tensor in the memory of the host at a time. */
  async #reduced(gradients: Tensors): Promise<Tensors> {
    const reduced = new Map<string, DeviceTensor>();
    await allOrNothing(async (onFailure) => {
      onFailure(() => this.#device.dispose(reduced.values()));
      for (const [name, tensor] of gradients) {
        const { shape, data } = floatArray(await this.#device.download(tensor));
        const shared = sharedArray(data.length);
        shared.set(data);
        await this.#communicator.allReduce(shared, this.#wire);
        reduced.set(name, await this.#device.upload({ dtype: "float32", shape, data: shared.slice() }));
      }
    });
    return reduced;
  }
}
