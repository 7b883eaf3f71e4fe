/**
 * Replicas of a model, each on a device of its own with some of the cores: they compute the gradients of parts of a batch.
 *
 * The operators of a small model are so short that a second thread costs what it saves, as each reads what another core has
 * written: of TokenFormer at `nanogpt-cpu`, a multiplication of 768 x 96 numbers takes 12 µs with one thread and 20 with two.
 * Two replicas with one thread each share nothing but weights and gradients, once a step.
 */

import { sharedArray } from "../cluster/portable.ts";
import { elementsOf } from "../element-count.ts";
import { allOrNothing, freeAll, freeQuietly, settled } from "../freeing.ts";
import { scalarOf, type Tensors } from "../inference/index.ts";
import type { Device, DeviceTensor, Program } from "../runtime/portable.ts";
import type { Graph } from "../tensor/index.ts";
import type { OptimizerState, TogetherStep, Updated } from "./adamw.ts";
import type { GiveParameters, TakeParameters } from "./exchange-parameters.ts";
import { gradientName, type PassInputs } from "./passes.ts";
import { updateOf } from "./together.ts";

/** Shared memory between the device of the state and its replicas: all parameters that learn, one after the other. */
export interface SharedArrays {
  readonly weights: Float32Array;
  /** The gradients that each replica has summed over its passes. */
  readonly gradients: readonly Float32Array[];
}

/** Weights for the replicas, and where they exchange them and gradients. */
interface Memory {
  readonly shared: SharedArrays;
  /** The weights of each member. */
  readonly weights: readonly Tensors[];
  /** The gradients of the state's device, where it makes updates together with the members. */
  readonly own: Float32Array | undefined;
}

/** The replicas beside the device of the state. */
export class Replicas {
  readonly #device: Device;
  readonly #members: readonly Member[];
  readonly #names: readonly string[];
  /** How many members had passes in the last update: the first ones. */
  #working = 0;
  #memory: Memory | undefined;

  private constructor(device: Device, members: readonly Member[], names: readonly string[]) {
    this.#device = device;
    this.#members = members;
    this.#names = names;
  }

  /**
   * Opens devices and compiles the graph on each. Until `use`, they have no weights.
   * @param device has the state
   * @param count how many beside it
   * @param threads of an operator of each
   * @param graph gives `loss` and the gradient of each parameter, by `gradientName`
   * @param names the parameters that learn
   */
  static async open(
    device: Device,
    count: number,
    threads: number,
    graph: Graph,
    names: readonly string[],
  ): Promise<Replicas> {
    const devices: Device[] = [];
    const members = Array.from({ length: count }, async () => {
      const own = await device.another(threads);
      devices.push(own);
      return { device: own, program: await own.compile(graph, { download: ["loss"], inPlace: true }) };
    });
    try {
      return new Replicas(device, await settled(members), names);
    } catch (error) {
      await freeQuietly(...devices.map((own) => () => own.close()));
      throw error;
    }
  }

  get count(): number {
    return this.#members.length;
  }

  /** The gradients are those of the members that had passes in the last update. */
  get shared(): SharedArrays {
    const { weights, gradients } = this.#loaded().shared;
    return { weights, gradients: gradients.filter((_, index) => index < this.#working) };
  }

  /**
   * Memory with weights of the state's device, whatever their sizes: for `use`, or to be freed.
   * @param moments of the state, where they are shared: the memory is beside them
   */
  async prepare({ parameters, shared: moments }: Pick<OptimizerState, "parameters" | "shared">): Promise<Memory> {
    const allocate = (length: number) => moments?.floats.allocate(length) ?? sharedArray(length);
    const weights = await this.#given(parameters, this.#names, allocate);
    const shared = { weights, gradients: this.#members.map(() => allocate(weights.length)) };
    const allocated = this.#members.map(({ device }) => allocatedLike(device, parameters));
    return allOrNothing(async (onFailure) => {
      for (const [index, own] of (await Promise.allSettled(allocated)).entries()) {
        if (own.status === "fulfilled") onFailure(() => this.#members[index]?.device.dispose(own.value.values()));
      }
      // Where updates are made together, the state's device has gradients there, too.
      const own = moments && allocate(weights.length);
      const memory = { shared, own, weights: await Promise.all(allocated) };
      const frozen = [...parameters.keys()].filter((name) => !this.#names.includes(name));
      await this.#take(memory.weights, { names: this.#names, shared: weights });
      if (frozen.length > 0) {
        await this.#take(memory.weights, { names: frozen, shared: await this.#given(parameters, frozen, sharedArray) });
      }
      return memory;
    });
  }

  /** Has the members copy weights out of shared memory. */
  async #take(weights: Memory["weights"], parameters: TakeParameters): Promise<void> {
    const taken = this.#members.map(({ device }, index) =>
      device.kernel({ kernel: "take", tensors: Object.fromEntries(weights[index] ?? []), parameters }),
    );
    await settled(taken);
  }

  /** Some of the weights of the state's device, one after the other in shared memory. */
  async #given(
    parameters: Tensors,
    names: readonly string[],
    allocate: (length: number) => Float32Array,
  ): Promise<Float32Array> {
    const shared = allocate(elementsOf(parameters, names));
    const exchange: GiveParameters = { names, shared, adding: false };
    await this.#device.kernel({ kernel: "give", tensors: Object.fromEntries(parameters), parameters: exchange });
    return shared;
  }

  /** Goes on with what was prepared. Returns what it had before, to be freed. */
  use(memory: Memory): Memory | undefined {
    const before = this.#memory;
    this.#memory = memory;
    return before;
  }

  async free({ weights }: Memory): Promise<void> {
    await freeAll(
      ...this.#members.map(
        ({ device }, index) =>
          () =>
            device.dispose(weights[index]?.values() ?? []),
      ),
    );
  }

  /**
   * Computes gradients with the shared weights, each member those of its own passes.
   * @param passes the inputs of the passes of each member
   * @returns the sum of the losses; the gradients are in shared memory then
   */
  async gradients(passes: readonly (readonly PassInputs[])[]): Promise<number> {
    this.#working = passes.filter((own) => own.length > 0).length;
    const losses = this.#members
      .slice(0, this.#working)
      .map((member, index) => this.#memberGradients(member, index, passes[index] ?? []));
    return (await settled(losses)).reduce((sum, loss) => sum + loss, 0);
  }

  /**
   * One update by the members and the device of the state, each of its part of all numbers. If one of them fails, nothing is changed.
   * @param first the program of the state's device, and its weights
   * @param passes the inputs of the passes of each, first those of the state's device
   */
  async update(
    first: { readonly program: Program; readonly weights: Tensors },
    passes: readonly (readonly PassInputs[])[],
    step: TogetherStep,
  ): Promise<Omit<Updated, "state">> {
    const memory = this.#loaded();
    if (memory.own === undefined) throw new Error("internal: an update of moments that are not shared");
    const [own = [], ...others] = passes;
    const members = this.#members.map((member, index) => ({
      ...member,
      ...this.#memoryOf(index),
      passes: others[index] ?? [],
    }));
    const state = { ...first, device: this.#device, passes: own, gradients: memory.own };
    return updateOf([state, ...members], memory.shared.weights, step);
  }

  /** Ends their devices. */
  async close(): Promise<void> {
    await freeAll(
      ...this.#members.map(
        ({ device }) =>
          () =>
            device.close(),
      ),
    );
  }

  async #memberGradients({ device, program }: Member, index: number, passes: readonly PassInputs[]): Promise<number> {
    const { shared } = this.#loaded();
    const { weights, gradients } = this.#memoryOf(index);
    const tensors = Object.fromEntries(weights);
    const outputs = Object.fromEntries(this.#names.map((name) => [name, gradientName(name)]));
    // All requests at once: they are answered in this order.
    const weightsOf: TakeParameters = { names: this.#names, shared: shared.weights };
    const taken = device.kernel({ kernel: "take", tensors, parameters: weightsOf });
    const runs = passes.map((inputs, pass) => {
      const exchange: GiveParameters = { names: this.#names, shared: gradients, adding: pass > 0 };
      return program.runThen({ ...inputs, ...tensors }, { kernel: "give", tensors: {}, outputs, parameters: exchange });
    });
    await Promise.allSettled([taken, ...runs]);
    const [results] = await Promise.all([Promise.all(runs), taken]);
    return results.reduce((sum, { values }) => sum + scalarOf(values, "loss"), 0);
  }

  /** The weights of a member, and its part of the shared memory. */
  #memoryOf(index: number) {
    const { shared, weights } = this.#loaded();
    const [own, gradients] = [weights[index], shared.gradients[index]];
    if (own === undefined || gradients === undefined) throw new Error("internal: a replica without memory");
    return { weights: own, gradients };
  }

  #loaded() {
    if (this.#memory === undefined) throw new Error("internal: the replicas have no weights yet");
    return this.#memory;
  }
}

/** Tensors of the shapes of others. */
function allocatedLike(device: Device, parameters: Tensors): Promise<Map<string, DeviceTensor>> {
  return allOrNothing(async (onFailure) => {
    const own = new Map<string, DeviceTensor>();
    onFailure(() => device.dispose(own.values()));
    for (const [name, { shape }] of parameters) own.set(name, await device.allocate(shape));
    return own;
  });
}

interface Member {
  readonly device: Device;
  readonly program: Program;
}
