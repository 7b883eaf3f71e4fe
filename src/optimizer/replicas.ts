/**
 * Replicas of a model, each on a device of its own with some of the cores: they compute the gradients of parts of a batch.
 *
 * The operators of a small model are so short that a second thread costs what it saves, as each reads what another core has
 * written: of TokenFormer at `nanogpt-cpu`, a multiplication of 768 x 96 numbers takes 12 µs with one thread and 20 with two.
 * Two replicas with one thread each share nothing but weights and gradients, once a step.
 */

import { elementCount } from "../element-count.ts";
import { allOrNothing, freeAll, freeQuietly } from "../freeing.ts";
import { scalarOf, type Tensors, type TokenBatch } from "../inference/index.ts";
import { required } from "../required.ts";
import type { Device, DeviceTensor, HostTensor, Program } from "../runtime/portable.ts";
import type { Graph } from "../tensor/index.ts";
import type { GiveParameters, TakeParameters } from "./exchange-parameters.ts";

/** Tokens of a batch that make a replica worth it: fewer, and the products are too small to be fast. */
const TOKENS_EACH = 256;

/** Bytes that replicas may add. */
const MOST_BYTES = 768 * 2 ** 20;

/**
 * Bytes that a replica takes for each parameter: its weight, its gradient twice (ONNX Runtime's and the binding's copy), and its
 * gradient to be exchanged.
 */
const BYTES_OF_PARAMETER = 4 * Float32Array.BYTES_PER_ELEMENT;

/** Bytes that a replica takes beside its arrays, whatever the model: its thread, and ONNX Runtime. */
const THREAD_BYTES = 30 * 2 ** 20;

/**
 * How many replicas share the work of a batch best, the device of the state among them.
 * @param parameters their number
 */
export function replicasFor(
  device: Device,
  { sequences, context }: Pick<TokenBatch, "sequences" | "context">,
  parameters: number,
): number {
  if (!device.canMultiply) return 1;
  const bytesEach = THREAD_BYTES + BYTES_OF_PARAMETER * parameters;
  const most = [
    device.threads,
    sequences,
    Math.floor((sequences * context) / TOKENS_EACH),
    1 + Math.floor(MOST_BYTES / bytesEach),
  ];
  return Math.max(1, Math.min(...most));
}

/** The inputs of a pass beside the weights. */
export type PassInputs = Readonly<Record<string, HostTensor>>;

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
   * @param device has the state; what it has of threads is divided among all
   * @param count how many beside it
   * @param graph gives `loss` and the gradient of each parameter, by `gradientName`
   * @param names the parameters that learn
   * @param inPlace see `CompileOptions`
   */
  static async open(
    device: Device,
    count: number,
    graph: Graph,
    names: readonly string[],
    inPlace = false,
  ): Promise<Replicas> {
    const threads = threadsEach(device, count + 1);
    const devices: Device[] = [];
    const members = Array.from({ length: count }, async () => {
      const own = await device.another(threads);
      devices.push(own);
      return { device: own, program: await own.compile(graph, { download: ["loss"], inPlace }) };
    });
    try {
      return new Replicas(device, await all(members), names);
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

  /** Memory with weights of the state's device, whatever their sizes: for `use`, or to be freed. */
  async prepare(parameters: Tensors): Promise<Memory> {
    const weights = await this.#given(parameters, this.#names);
    const shared = { weights, gradients: this.#members.map(() => sharedArray(weights.length)) };
    const allocated = this.#members.map(({ device }) => allocatedLike(device, parameters));
    return allOrNothing(async (onFailure) => {
      for (const [index, own] of (await Promise.allSettled(allocated)).entries()) {
        if (own.status === "fulfilled") onFailure(() => this.#members[index]?.device.dispose(own.value.values()));
      }
      const memory = { shared, weights: await Promise.all(allocated) };
      await this.#takeFrozen(parameters, memory.weights);
      return memory;
    });
  }

  /** Gives the members what does not learn, once. */
  async #takeFrozen(parameters: Tensors, weights: Memory["weights"]): Promise<void> {
    const names = [...parameters.keys()].filter((name) => !this.#names.includes(name));
    if (names.length === 0) return;
    const exchange: TakeParameters = { names, shared: await this.#given(parameters, names) };
    const taken = this.#members.map(({ device }, index) =>
      device.kernel({ kernel: "take", tensors: Object.fromEntries(weights[index] ?? []), parameters: exchange }),
    );
    await all(taken);
  }

  /** Some of the weights of the state's device, one after the other in shared memory. */
  async #given(parameters: Tensors, names: readonly string[]): Promise<Float32Array> {
    const sizes = names.map((name) => elementCount(required(parameters, name).shape));
    const shared = sharedArray(sizes.reduce((sum, size) => sum + size, 0));
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
    return (await all(losses)).reduce((sum, loss) => sum + loss, 0);
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
    const { shared, weights } = this.#loaded();
    const [own, gradients] = [weights[index], shared.gradients[index]];
    if (own === undefined || gradients === undefined) throw new Error("internal: a replica without memory");
    const tensors = Object.fromEntries(own);
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

/** As `Promise.all`, but a failure waits for the others to end. */
async function all<Value>(promises: readonly Promise<Value>[]): Promise<Value[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

interface Member {
  readonly device: Device;
  readonly program: Program;
}

/** Threads of an operator where so many share the threads of a device. */
export const threadsEach = (device: Device, count: number): number => Math.max(1, Math.floor(device.threads / count));

const GRADIENT = "gradient.";

/** The output with the gradient of a parameter. */
export const gradientName = (parameter: string) => GRADIENT + parameter;

/** The outputs of a run that are gradients, all of those that stay on the device, by the names of the parameters. */
export function gradientsAmong(outputs: Readonly<Record<string, DeviceTensor>>): Tensors {
  return new Map(Object.entries(outputs).map(([name, tensor]) => [name.slice(GRADIENT.length), tensor]));
}

/** A batch in so many parts of nearly as many sequences, each with the number of sequences before it; fewer of fewer sequences. */
export function split({ tokens, targets, sequences, context, weights, documents }: TokenBatch, count: number) {
  const parts = Math.min(count, sequences);
  return Array.from({ length: parts }, (_, part): { readonly first: number; readonly batch: TokenBatch } => {
    const first = Math.floor((part * sequences) / parts);
    const end = Math.floor(((part + 1) * sequences) / parts);
    const [from, to] = [first * context, end * context];
    const batch = {
      tokens: tokens.subarray(from, to),
      targets: targets.subarray(from, to),
      sequences: end - first,
      context,
      ...(weights !== undefined && { weights: weights.subarray(from, to) }),
      ...(documents !== undefined && { documents: documents.subarray(from, to) }),
    };
    return { first, batch };
  });
}

function sharedArray(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));
}
