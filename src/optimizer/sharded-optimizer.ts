/**
 * AdamW on several ranks: their gradients are added up, and each rank updates its own part of the weights, for which it alone has
 * the moments (ZeRO, arXiv 1910.02054, stage 1). A rank needs 8 / N bytes a parameter for moments, and 4 / N for gradients that
 * are added up, beside its weights and the gradients that it computes.
 */

import { type Communicator, sharedArray, sumNumbers, type WireType } from "../cluster/portable.ts";
import { elementCount } from "../element-count.ts";
import { allOrNothing, freeQuietly } from "../freeing.ts";
import type { HostArray, Moments } from "../growth/index.ts";
import { type Tensors, uploadArrays } from "../inference/index.ts";
import type { ParameterSpec } from "../nn/index.ts";
import { required } from "../required.ts";
import type { Device, DeviceTensor } from "../runtime/portable.ts";
import {
  type AdamWOptions,
  type Computed,
  type HostState,
  limitOf,
  type Optimizer,
  type OptimizerState,
  prefixed,
  type UpdateStep,
} from "./adamw.ts";
import { clipFactor, PREFIXES } from "./adamw-parameters.ts";
import { KernelOptimizer } from "./kernel-optimizer.ts";
import { tensorUpdates } from "./row-updates.ts";
import type { KeptParameters, OwnParameters, RangeParameters, ShardedStep } from "./sharded-parameters.ts";
import {
  BUCKET_LENGTH,
  type Bucket,
  type Division,
  divisionOf,
  type PieceUpdate,
  updatesOfPieces,
} from "./sharding.ts";

/** The name of the one tensor that holds a rank's own numbers of all parameters. */
const OWN = "own";

/** How what ranks add up goes from one to the other. */
export interface Travel {
  /** Of gradients, and with local updates of what is exchanged. Default "float32". */
  readonly communicationDtype?: WireType | undefined;
}

export class ShardedOptimizer implements Optimizer {
  readonly #device: Device;
  readonly #specs: readonly ParameterSpec[];
  readonly #options: AdamWOptions & Travel;
  readonly #communicator: Communicator;
  readonly #whole: KernelOptimizer;
  readonly #bucketLength: number;
  #gradients: DeviceTensor | undefined;
  /** Memory for the bucket that goes over the wire. */
  #staging = sharedArray(0);
  /** Whether an update began to change the state in place and did not come to its end. */
  #isTorn = false;

  constructor(
    device: Device,
    specs: readonly ParameterSpec[],
    options: AdamWOptions & Travel,
    communicator: Communicator,
    bucketLength = BUCKET_LENGTH,
  ) {
    this.#device = device;
    this.#specs = specs;
    this.#options = options;
    this.#communicator = communicator;
    this.#whole = new KernelOptimizer(device, specs, options);
    this.#bucketLength = bucketLength;
  }

  async upload({ parameters, moments }: HostState): Promise<OptimizerState> {
    const division = this.#division(parameters);
    return allOrNothing(async (onFailure) => {
      const uploaded = await uploadArrays(this.#device, parameters);
      onFailure(() => this.#device.dispose(uploaded.values()));
      const own = async (arrays: ReadonlyMap<string, HostArray> | undefined) => {
        const tensor = await this.#uploadOwn(arrays, division);
        onFailure(() => this.#device.dispose([tensor]));
        return new Map([[OWN, tensor]]);
      };
      return { parameters: uploaded, first: await own(moments?.first), second: await own(moments?.second) };
    });
  }

  accumulate(total: Tensors, gradients: Tensors): Promise<Tensors> {
    return this.#whole.accumulate(total, gradients);
  }

  /**
   * If a request or an exchange with the other ranks fails once weights change, some are new and others old: the run is over, and
   * what is left of the state is refused from then on.
   */
  async update(state: OptimizerState, { gradients, loss, shared }: Computed, step: UpdateStep) {
    const division = this.#division(state.parameters);
    const names = this.#specs.map(({ name }) => name);
    const pieces = this.#updates(state, division, step);
    let own: DeviceTensor;
    let squares = 0;
    try {
      this.#requireWhole();
      own = await this.#ownGradients(division);
      const given = { tensors: Object.fromEntries(gradients), names, others: shared?.gradients ?? [] };
      for (const bucket of division.buckets) squares += await this.#reduce(bucket, given, own, pieces);
    } finally {
      await freeQuietly(() => this.#device.dispose(gradients.values()));
    }
    const [wholeLoss = Number.NaN, wholeSquares = Number.NaN] = await sumNumbers(this.#communicator, [loss, squares]);
    const norm = Math.sqrt(wholeSquares) / step.lossScale;
    if (Number.isFinite(norm)) {
      this.#isTorn = true;
      await this.#updateOwn(state, pieces, own, norm, step);
      const taken = { tensors: Object.fromEntries(state.parameters), names, others: shared ? [shared.weights] : [] };
      for (const bucket of division.buckets) await this.#share(bucket, taken);
      this.#isTorn = false;
    }
    return { norm, loss: wholeLoss, state };
  }

  async moments({ parameters, first, second }: OptimizerState, wanted: boolean): Promise<Moments> {
    this.#requireWhole();
    const division = this.#division(parameters);
    const gather = async (own: Tensors) => {
      const arrays = new Map(
        [...parameters].map(([name, { shape }]) => [
          name,
          { shape, data: new Float32Array(wanted ? elementCount(shape) : 0) },
        ]),
      );
      for (const bucket of division.buckets) {
        const staging = await this.#gathered(bucket, { tensors: { [OWN]: required(own, OWN) } });
        if (wanted) place(staging, bucket, arrays);
      }
      return arrays;
    };
    return { first: await gather(first), second: await gather(second) };
  }

  kernel(): undefined {}

  together(): undefined {}

  async release(): Promise<void> {
    const gradients = this.#gradients;
    this.#gradients = undefined;
    if (gradients !== undefined) await this.#device.dispose([gradients]);
  }

  /** @throws Error where the state is of no step */
  #requireWhole(): void {
    if (!this.#isTorn) return;
    throw new Error(
      "an update failed amid its changes: some weights are new and others old; the run is over, resume it from its last checkpoint",
    );
  }

  /** Where the sums of this rank's own gradients are kept. */
  async #ownGradients({ length }: Division): Promise<DeviceTensor> {
    const existing = this.#gradients;
    if (existing?.shape[0] === length) return existing;
    this.#gradients = undefined;
    if (existing !== undefined) await this.#device.dispose([existing]);
    this.#gradients = await this.#device.allocate([length]);
    return this.#gradients;
  }

  #division(parameters: ReadonlyMap<string, { readonly shape: readonly number[] }>): Division {
    const lengths = new Map(this.#specs.map(({ name }) => [name, elementCount(required(parameters, name).shape)]));
    return divisionOf(lengths, this.#communicator, this.#bucketLength);
  }

  /** Uploads this rank's numbers of some arrays; zeros of none. */
  async #uploadOwn(arrays: ReadonlyMap<string, HostArray> | undefined, { length, pieces }: Division) {
    const data = new Float32Array(length);
    if (arrays !== undefined) {
      for (const { name, start, end, at } of pieces) data.set(required(arrays, name).data.subarray(start, end), at);
    }
    return this.#device.upload({ dtype: "float32", shape: [length], data });
  }

  /** How what this rank has is updated. */
  #updates({ parameters }: OptimizerState, { pieces }: Division, step: UpdateStep): PieceUpdate[] {
    return updatesOfPieces(pieces, tensorUpdates(this.#specs, parameters, step, this.#options));
  }

  /** Adds up the gradients of a bucket over all ranks, and keeps the own ones. Returns the sum of their squares. */
  async #reduce(
    bucket: Bucket,
    { tensors, ...given }: Given,
    own: DeviceTensor,
    pieces: readonly PieceUpdate[],
  ): Promise<number> {
    const shared = this.#stage(bucket);
    const parameters: RangeParameters = { ...given, range: bucket, shared };
    await this.#device.kernel({ kernel: "giveRange", tensors, parameters });
    await this.#communicator.reduceScatter(shared, this.#options.communicationDtype);
    const { at } = bucket;
    const kept: KeptParameters = {
      at,
      shared: ownOf(bucket, shared),
      pieces: pieces.filter((piece) => piece.at >= at && piece.at < at + bucket.own.end - bucket.own.start),
    };
    const tensorsKept = { [OWN]: own };
    return Number(await this.#device.kernel({ kernel: "keepGradients", tensors: tensorsKept, parameters: kept }));
  }

  async #updateOwn(
    { parameters, first, second }: OptimizerState,
    pieces: readonly PieceUpdate[],
    gradients: DeviceTensor,
    norm: number,
    step: UpdateStep,
  ): Promise<void> {
    const { beta1, beta2, epsilon } = this.#options;
    const given: ShardedStep = {
      beta1,
      beta2,
      epsilon,
      learningRate: step.learningRate,
      scale: clipFactor(norm, limitOf(this.#options)) / step.lossScale,
      pieces,
    };
    const tensors = {
      ...prefixed(PREFIXES.parameter, parameters),
      [PREFIXES.gradient]: gradients,
      [PREFIXES.first]: required(first, OWN),
      [PREFIXES.second]: required(second, OWN),
    };
    await this.#device.kernel({ kernel: "updateOwn", tensors, parameters: given });
  }

  /** Gives all ranks the own weights of a bucket, and takes theirs. */
  async #share(bucket: Bucket, { tensors, ...given }: Given): Promise<void> {
    const shared = this.#stage(bucket);
    const { own } = bucket;
    const parameters: RangeParameters = { ...given, others: [], range: own, shared: ownOf(bucket, shared) };
    await this.#device.kernel({ kernel: "giveRange", tensors, parameters });
    await this.#communicator.allGather(shared);
    const taken: RangeParameters = { ...given, range: bucket, shared };
    await this.#device.kernel({ kernel: "takeRange", tensors, parameters: taken });
  }

  /** A bucket of what each rank has its own of. */
  async #gathered(bucket: Bucket, { tensors }: Pick<Given, "tensors">): Promise<Float32Array> {
    const shared = this.#stage(bucket);
    const parameters: OwnParameters = { at: bucket.at, shared: ownOf(bucket, shared) };
    await this.#device.kernel({ kernel: "giveOwn", tensors, parameters });
    await this.#communicator.allGather(shared);
    return shared;
  }

  #stage({ start, end }: Bucket): Float32Array {
    if (this.#staging.length < end - start) this.#staging = sharedArray(end - start);
    return this.#staging.subarray(0, end - start);
  }
}

/** Tensors in the device's thread, and what is given and taken with them. */
interface Given extends Pick<RangeParameters, "names" | "others"> {
  readonly tensors: Readonly<Record<string, DeviceTensor>>;
}

/** This rank's part of the shared memory of a bucket. */
function ownOf({ start, own }: Bucket, shared: Float32Array): Float32Array {
  return shared.subarray(own.start - start, own.end - start);
}

/** Copies a bucket into the arrays that it is a range of. */
function place(shared: Float32Array, range: Bucket, arrays: ReadonlyMap<string, HostArray>): void {
  let offset = 0;
  for (const { data } of arrays.values()) {
    const [from, to] = [Math.max(range.start, offset), Math.min(range.end, offset + data.length)];
    if (from < to) data.set(shared.subarray(from - range.start, to - range.start), from - offset);
    offset += data.length;
  }
}
