/**
 * Updates that each rank makes by itself, and an exchange now and then: for machines that are joined by an ordinary network
 * (DiLoCo, arXiv 2311.08105). At an exchange, the mean of how far the ranks have come since the last one is the gradient of a second,
 * outer optimiser, gradient descent with Nesterov's momentum.
 *
 * Unlike there, Adam's moments are averaged at an exchange too, which triples what is sent: all ranks are alike then, so that a
 * checkpoint is that of one machine, and a run goes on with any number of ranks.
 */

import { type Communicator, sharedArray } from "../cluster/portable.ts";
import { elementCount } from "../element-count.ts";
import { allOrNothing, freeQuietly } from "../freeing.ts";
import type { HostArray, Moments } from "../growth/index.ts";
import { floatArray, type Tensors } from "../inference/index.ts";
import { required } from "../required.ts";
import type { Device, DeviceTensor, OutputKernel } from "../runtime/portable.ts";
import {
  type Computed,
  type HostState,
  type Optimizer,
  type OptimizerState,
  tensorsOf,
  type Updated,
  type UpdateStep,
  type WholeOptimizer,
} from "./adamw.ts";
import type { Travel } from "./sharded-optimizer.ts";

/** How often ranks exchange what they have learnt, and what becomes of it. */
export interface LocalUpdates extends Travel {
  /** Updates from one exchange to the next: after each step that is a multiple of it. */
  readonly localSteps: number;
  /** η of the outer optimiser; 1, with a momentum of 0, is the mean of the ranks. */
  readonly outerLearningRate: number;
  /** μ of the outer optimiser. */
  readonly outerMomentum: number;
}

/** The state of the outer optimiser, on the host, by parameter. */
export interface OuterState {
  /** The weights after the last exchange. */
  readonly anchor: ReadonlyMap<string, Float32Array>;
  readonly momentum: ReadonlyMap<string, Float32Array>;
}

/** What makes the updates of one rank. */
type Inner = Optimizer & WholeOptimizer;

export class LocalOptimizer implements Optimizer {
  readonly #device: Device;
  readonly #inner: Inner;
  readonly #options: LocalUpdates;
  readonly #communicator: Communicator | undefined;

  /**
   * @param inner makes the updates of this rank; it is released with this one
   * @param communicator `undefined`: this rank is alone
   */
  constructor(device: Device, inner: Inner, options: LocalUpdates, communicator: Communicator | undefined) {
    this.#device = device;
    this.#inner = inner;
    this.#options = options;
    this.#communicator = communicator;
  }

  async upload(state: HostState): Promise<OptimizerState> {
    const outer = {
      anchor: mapped(state.parameters, (_, { data }) => data.slice()),
      momentum: mapped(
        state.parameters,
        (name, { data }) => state.moments?.outer?.get(name)?.data.slice() ?? new Float32Array(data.length),
      ),
    };
    return { ...(await this.#inner.upload(state)), outer };
  }

  async moments(state: OptimizerState, wanted: boolean): Promise<Moments> {
    // All ranks have the same: one that keeps nothing need not copy it.
    if (!wanted) return { first: new Map(), second: new Map() };
    const { first, second } = await this.#inner.moments(state, wanted);
    const { momentum } = outerOf(state);
    return {
      first,
      second,
      outer: mapped(first, (name, { shape }) => ({ shape, data: required(momentum, name).slice() })),
    };
  }

  accumulate(total: Tensors, gradients: Tensors): Promise<Tensors> {
    return this.#inner.accumulate(total, gradients);
  }

  /**
   * An update with an exchange is made beside the state, which a failure leaves as it was. With other ranks the run is over then: they
   * may have made it.
   */
  async update(state: OptimizerState, computed: Computed, step: UpdateStep): Promise<Updated> {
    const outer = outerOf(state);
    if (!this.#exchangesAt(step)) {
      const updated = await this.#inner.update(state, computed, step);
      return { ...updated, state: { ...updated.state, outer } };
    }
    const { shared, ...own } = computed;
    const tried = { ...own, shared: shared && { gradients: shared.gradients } };
    const updated = await this.#inner.updateBeside(state, tried, step);
    if (!Number.isFinite(updated.norm)) return updated;
    const next = await this.#exchanged({ ...updated.state, outer }, step);
    if (shared !== undefined) place(outerOf(next).anchor, shared.weights);
    await freeQuietly(() => this.#device.dispose(tensorsOf(state)));
    return { ...updated, state: next };
  }

  kernel(state: OptimizerState, step: UpdateStep, outputOf: (parameter: string) => string): OutputKernel | undefined {
    return this.#exchangesAt(step) ? undefined : this.#inner.kernel(state, step, outputOf);
  }

  together(): undefined {}

  release(): Promise<void> {
    return this.#inner.release();
  }

  #exchangesAt({ step }: UpdateStep): boolean {
    return step % this.#options.localSteps === 0;
  }

  /**
   * The state that all ranks have after an exchange, one parameter after the other.
   * @param state its tensors are freed, whatever happens; its outer state stays as it is
   */
  async #exchanged(state: OptimizerState, step: UpdateStep): Promise<OptimizerState> {
    const next = {
      parameters: new Map(state.parameters),
      first: new Map(state.first),
      second: new Map(state.second),
    };
    const outer = { anchor: new Map<string, Float32Array>(), momentum: new Map<string, Float32Array>() };
    await allOrNothing(async (onFailure) => {
      onFailure(() => this.#device.dispose(tensorsOf(next)));
      for (const name of state.parameters.keys()) {
        const own = await this.#download(next, name);
        outer.momentum.set(name, await this.#exchange(name, own, step, outerOf(state)));
        outer.anchor.set(name, own.parameters.data);
        for (const part of PARTS) await this.#replace(next[part], name, own[part]);
      }
    });
    return { ...next, outer };
  }

  /** Puts an array in the place of a tensor, which is freed. */
  async #replace(tensors: Map<string, DeviceTensor>, name: string, array: HostArray): Promise<void> {
    const before = required(tensors, name);
    tensors.set(name, await this.#device.upload({ dtype: "float32", ...array }));
    await freeQuietly(() => this.#device.dispose([before]));
  }

  /**
   * Makes of a parameter and its moments what they are on all ranks. Rows that are frozen are so already, and are not sent.
   * @returns the outer momentum
   */
  async #exchange(
    name: string,
    own: OwnArrays,
    step: UpdateStep,
    { anchor, momentum }: OuterState,
  ): Promise<Float32Array> {
    const { outerLearningRate, outerMomentum } = this.#options;
    const [from, speed] = [required(anchor, name), required(momentum, name).slice()];
    const weights = own.parameters.data;
    for (const { start, end } of movingRanges(name, own.parameters.shape, step)) {
      const length = end - start;
      // How far the weights have moved is sent, not the weights, of which rounding would take just that away.
      const moved = from.subarray(start, end).map((value, index) => value - (weights[start + index] ?? 0));
      const means = await this.#means([moved, ...MOMENTS.map((part) => own[part].data.subarray(start, end))]);
      const [gradients = moved, ...moments] = means;
      for (let index = 0; index < length; index++) {
        const at = start + index;
        const gradient = gradients[index] ?? 0;
        const faster = outerMomentum * (speed[at] ?? 0) + gradient;
        speed[at] = faster;
        weights[at] = (from[at] ?? 0) - outerLearningRate * (gradient + outerMomentum * faster);
      }
      MOMENTS.forEach((part, index) => {
        own[part].data.set(moments[index] ?? [], start);
      });
    }
    return speed;
  }

  /** The means over all ranks of arrays of one length. */
  async #means(arrays: readonly Float32Array[]): Promise<Float32Array[]> {
    const communicator = this.#communicator;
    if (communicator === undefined) return [...arrays];
    const [{ length } = new Float32Array()] = arrays;
    const all = sharedArray(length * arrays.length);
    arrays.forEach((array, index) => {
      all.set(array, index * length);
    });
    await communicator.allReduce(all, this.#options.communicationDtype);
    for (let index = 0; index < all.length; index++) all[index] = (all[index] ?? 0) / communicator.size;
    return arrays.map((_, index) => all.subarray(index * length, (index + 1) * length));
  }

  async #download(state: Pick<OptimizerState, (typeof PARTS)[number]>, name: string): Promise<OwnArrays> {
    const array = async (tensors: Tensors) => floatArray(await this.#device.download(required(tensors, name)));
    return {
      parameters: await array(state.parameters),
      first: await array(state.first),
      second: await array(state.second),
    };
  }
}

const MOMENTS = ["first", "second"] as const;
const PARTS = ["parameters", ...MOMENTS] as const;

/** A parameter with its moments. */
type OwnArrays = Readonly<Record<(typeof PARTS)[number], HostArray>>;

/** Puts arrays one after the other. */
function place(arrays: ReadonlyMap<string, Float32Array>, into: Float32Array): void {
  let offset = 0;
  for (const array of arrays.values()) {
    into.set(array, offset);
    offset += array.length;
  }
}

function outerOf({ outer }: OptimizerState): OuterState {
  if (outer === undefined) throw new Error("internal: a state without that of the outer optimiser");
  return outer;
}

/** The elements of a parameter that have been updated: all but those of rows that are frozen still. */
function movingRanges(name: string, shape: readonly number[], { step, generations }: UpdateStep) {
  const [rows = 1, ...rest] = shape;
  const columns = elementCount(rest);
  const groups = generations(name) ?? [{ tokens: rows, frozenUntil: 0 }];
  let start = 0;
  return groups.flatMap(({ tokens, frozenUntil }) => {
    const from = start;
    start += tokens * columns;
    return step <= frozenUntil ? [] : [{ start: from, end: start }];
  });
}

function mapped<Value, Result>(
  map: ReadonlyMap<string, Value>,
  of: (name: string, value: Value) => Result,
): Map<string, Result> {
  return new Map([...map].map(([name, value]) => [name, of(name, value)]));
}
