/** A model compiled with a key–value cache: passes of new tokens through it. */

import { freeQuietly } from "../freeing.ts";
import {
  GATES,
  type GatedGenerations,
  gateInput,
  type QuantizationName,
  quantizationOf,
  traceWithCache,
  vocabularyOf,
} from "../model/index.ts";
import type { LayerCache, Model } from "../nn/index.ts";
import type { Device, DeviceTensor, HostTensor, Program } from "../runtime/portable.ts";
import { graph } from "../tensor/index.ts";
import type { PassResult, RowTarget, StoreParameters } from "./cache-kernels.ts";
import { CacheStore } from "./cache-store.ts";

/** A model with its weights on a device, as `Inference` is. */
export interface LoadedModel {
  readonly device: Device;
  readonly model: Model;
  /** The weights, by name. They stay the caller's. */
  readonly parameters: ReadonlyMap<string, DeviceTensor>;
  /** Values that the model is given at each run, such as each site's τ. */
  readonly given: ReadonlyMap<string, number>;
  /** How the weights of products are rounded to fewer bits. Default: float32. Only on the CPU. */
  readonly quantize?: QuantizationName | undefined;
}

export interface CachedModelOptions {
  /**
   * Whether the program gets a copy of the weights, in the layout of its kernels: twice as fast, and the caller may dispose of
   * the tensors. Otherwise it uses the weights as they are at each pass, also while they train and grow by tokens. Default: true
   * on the CPU, elsewhere it cannot.
   */
  readonly freeze?: boolean | undefined;
  /** Generations of parameter tokens that each sequence has or has not. Default: all have all. */
  readonly gated?: GatedGenerations | undefined;
}

/** New tokens of some sequences. */
export interface Pass {
  /** Where their rows go. Sequences that have earlier tokens have these in it, in the lane of their place in the pass. */
  readonly store: CacheStore;
  /** int32 [B, T]; B the lanes of the store, or any number where none has earlier tokens. */
  readonly tokens: Int32Array;
  /** The earlier tokens of each, [B]. */
  readonly lengths: Int32Array;
  /** The rows of `tokens`, as flat indices, whose logits are wanted: one at least. */
  readonly wanted: Int32Array;
  readonly targets: readonly RowTarget[];
  readonly score?: StoreParameters["score"];
  /** Of each sequence, which of the gated generations it has, by their place among these. Default: none. */
  readonly open?: readonly (readonly number[])[];
}

export class CachedModel {
  readonly device: Device;
  readonly vocabulary: number;
  readonly #layers: readonly LayerCache[];
  /** How many generations are gated. */
  readonly #gates: number;
  readonly #program: Program;
  /** What the program is given at each pass; nothing where it has a copy of it. */
  readonly #weights: LoadedModel | undefined;

  private constructor(
    device: Device,
    traced: { readonly vocabulary: number; readonly layers: readonly LayerCache[]; readonly gates: number },
    program: Program,
    weights: LoadedModel | undefined,
  ) {
    this.device = device;
    this.vocabulary = traced.vocabulary;
    this.#layers = traced.layers;
    this.#gates = traced.gates;
    this.#program = program;
    this.#weights = weights;
  }

  static async compile(loaded: LoadedModel, options: CachedModelOptions): Promise<CachedModel> {
    const { device, model, parameters, quantize } = loaded;
    const { freeze = device.kind === "cpu" || quantize !== undefined, gated } = options;
    const whole = traceWithCache(model, gated);
    const vocabulary = vocabularyOf(whole);
    const { cache, logits } = whole;
    const { rows, layers } = cache;
    const gates = gated?.count ?? 0;
    const download = rows === undefined ? ["logits"] : ["logits", "rows"];
    const traced = graph("decode", { logits, ...(rows !== undefined && { rows }) });
    if (!freeze) {
      const program = await device.compile(traced, { download });
      return new CachedModel(device, { vocabulary, layers, gates }, program, loaded);
    }
    const given = new Map<string, DeviceTensor>();
    try {
      for (const [name, value] of loaded.given) given.set(name, await device.upload(scalar(value)));
      const frozen = new Map([...parameters, ...given]);
      const quantization = quantize === undefined ? undefined : (name: string) => quantizationOf(quantize, name);
      const program = await device.compile(traced, { download, frozen, ...(quantization && { quantization }) });
      return new CachedModel(device, { vocabulary, layers, gates }, program, undefined);
    } finally {
      await freeQuietly(() => device.dispose(given.values()));
    }
  }

  /** Whether the program has a copy of the weights. */
  get holdsWeights(): boolean {
    return this.#weights === undefined;
  }

  /** Room for sequences of up to `time` tokens. */
  store(time: number, lanes: number): Promise<CacheStore> {
    return CacheStore.create(this.device, this.#layers, time, lanes);
  }

  /** Runs a pass and stores its rows. */
  async pass({ store, tokens, lengths, wanted, targets, score, open = [] }: Pass): Promise<PassResult> {
    const batch = lengths.length;
    const time = tokens.length / batch;
    await store.reserve(Math.max(1, ...targets.map(({ position, count }) => position + count)));
    const parameters: StoreParameters = {
      caches: store.arrays,
      batch,
      time,
      targets,
      vocabulary: this.vocabulary,
      score,
    };
    const { answer } = await this.#program.runThen(
      {
        ...(this.#weights && inputsOf(this.#weights)),
        ...(lengths.some((length) => length > 0) ? Object.fromEntries(store.tensors) : this.#nothingBefore(batch)),
        tokens: { dtype: "int32", shape: [batch, time], data: tokens },
        ...(this.#gates > 0 && {
          [GATES]: gateInput(
            Array.from({ length: batch }, (_, place) => open[place] ?? []),
            this.#gates,
          ),
        }),
        "cache.lengths": { dtype: "int32", shape: [batch], data: lengths },
        "cache.wanted": { dtype: "int32", shape: [wanted.length], data: wanted },
      },
      {
        kernel: "storeRows",
        tensors: Object.fromEntries(store.tensors),
        parameters,
        outputs: this.#layers.length === 0 ? { logits: "logits" } : { logits: "logits", rows: "rows" },
      },
    );
    if (!isPassResult(answer)) throw new Error("internal: the kernel gave no logits");
    return answer;
  }

  /** The caches of so many sequences without earlier tokens: room for one that none has. */
  #nothingBefore(batch: number): Record<string, HostTensor> {
    const tensors = this.#layers.flatMap(({ keys, values, heads, channels }) => {
      const data = new Float32Array(batch * heads * channels);
      return [
        [keys, { dtype: "float32", shape: [batch, heads, channels, 1], data }] as const,
        [values, { dtype: "float32", shape: [batch, heads, 1, channels], data }] as const,
      ];
    });
    return Object.fromEntries(tensors);
  }

  async release(): Promise<void> {
    await this.#program.release();
  }
}

/** The weights and given values as they are now: training may have changed or replaced them. */
function inputsOf({ parameters, given }: LoadedModel): Record<string, DeviceTensor | HostTensor> {
  return {
    ...Object.fromEntries(parameters),
    ...Object.fromEntries([...given].map(([name, value]) => [name, scalar(value)])),
  };
}

function scalar(value: number): HostTensor {
  return { dtype: "float32", shape: [], data: Float32Array.of(value) };
}

function isPassResult(answer: unknown): answer is PassResult {
  return typeof answer === "object" && answer !== null && "logits" in answer && "scores" in answer;
}
