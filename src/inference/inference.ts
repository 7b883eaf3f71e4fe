/** A model with its weights on a device: losses and logits. Programs are compiled when they are first used. */

import { allOrNothing, freeAll } from "../freeing.ts";
import type { HostArray } from "../growth/index.ts";
import { Memo } from "../memo.ts";
import {
  type QuantizationName,
  quantizationOf,
  type Traced,
  type TraceOptions,
  traceModel,
  vocabularyOf,
} from "../model/index.ts";
import type { Model, Scope } from "../nn/index.ts";
import { required } from "../required.ts";
import type { Device, DeviceTensor, HostTensor, Program } from "../runtime/portable.ts";
import { crossEntropy, elements, graph, input, mul, reshape, rowsOf, sum, type Tensor } from "../tensor/index.ts";
import { requireKnown } from "./known.ts";

/** Windows of tokens and what follows each: both int32 [sequences, context], row by row. */
export interface TokenBatch {
  readonly tokens: Int32Array;
  readonly targets: Int32Array;
  readonly sequences: number;
  readonly context: number;
  /** What each target counts, 1 or 0. Default: 1. */
  readonly weights?: Float32Array;
  /** The document of each token, numbered in their order in each sequence, among which alone it attends. Default: one for all. */
  readonly documents?: Int32Array;
}

/** What batches have beside tokens and targets: a program is compiled for one form. */
export interface BatchForm {
  /** Whether they say what each target counts. Default false. */
  readonly weighted?: boolean | undefined;
  /** Whether they say of which document each token is. Default false. */
  readonly separate?: boolean | undefined;
}

export function formOf({ weights, documents }: TokenBatch): BatchForm {
  return { weighted: weights !== undefined, separate: documents !== undefined };
}

/** How many targets of a batch count. */
export function countedIn({ sequences, context, weights }: TokenBatch): number {
  return weights === undefined ? sequences * context : weights.reduce((sum, weight) => sum + weight, 0);
}

export type Tensors = ReadonlyMap<string, DeviceTensor>;

/** What a model computes with. */
export interface Weights {
  /** The parameters on the device, by name. */
  readonly parameters: Tensors;
  /** Values that the model is given at each run, such as each site's τ. */
  readonly given: ReadonlyMap<string, number>;
}

export class Inference {
  readonly device: Device;
  readonly model: Model;
  /** How the weights of products are rounded; `undefined`: they are not. */
  readonly quantize: QuantizationName | undefined;
  #programs = new Memo<Program>();
  #vocabulary: number | undefined;
  #parameters: Tensors | undefined;
  #given: ReadonlyMap<string, number>;

  /**
   * @param parameters the weights on the device, by name; whoever uploaded them disposes of them
   * @param given values that the model is given at each run, such as each site's τ
   * @param quantize rounds the weights of products to fewer bits, as they are when a program is compiled. Only on the CPU.
   */
  constructor(
    device: Device,
    model: Model,
    parameters: Tensors,
    given: ReadonlyMap<string, number> = new Map(),
    quantize?: QuantizationName,
  ) {
    this.quantize = quantize;
    this.device = device;
    this.model = model;
    this.#parameters = parameters;
    this.#given = given;
  }

  /** Changes the weights or the values given at each run. The programs stay, whatever the number of parameter tokens. */
  use(changed: Partial<Weights>): void {
    this.#parameters = changed.parameters ?? this.#parameters;
    this.#given = changed.given ?? this.#given;
  }

  /**
   * The same model with other weights, by the programs of this one, which are compiled once for both: release one of the two.
   * @throws Error where weights are rounded, for then they are part of the programs
   */
  with({ parameters, given }: Weights): Inference {
    if (this.quantize !== undefined) throw new Error("rounded weights are part of the programs, and cannot be others");
    const other = new Inference(this.device, this.model, parameters, given);
    other.#programs = this.#programs;
    other.#vocabulary = this.#vocabulary;
    return other;
  }

  /** V, the number of logits: that of the tokenizer, or more where the model is padded. */
  get vocabulary(): number {
    this.#vocabulary ??= vocabularyOf(traceModel(this.model, { training: false }));
    return this.#vocabulary;
  }

  /** Throws an Error after `close`. */
  get parameters(): Tensors {
    if (this.#parameters !== undefined) return this.#parameters;
    throw new Error("the model was closed; a run that grew in more than numbers of tokens has another one since");
  }

  get given(): ReadonlyMap<string, number> {
    return this.#given;
  }

  /** Weights and given values, as inputs of any program of this model. */
  inputs(): Record<string, DeviceTensor | HostTensor> {
    return { ...Object.fromEntries(this.parameters), ...this.givenInputs() };
  }

  /** The given values alone. */
  givenInputs(): Record<string, HostTensor> {
    return Object.fromEntries([...this.#given].map(([name, value]) => [name, scalar(value)]));
  }

  /**
   * The inputs of `lossOf` that a batch gives.
   * @throws UserError for a token or a target that the model does not have
   */
  batchInputs(
    { tokens, targets, sequences, context, weights, documents }: TokenBatch,
    lossFactor: number,
  ): Record<string, HostTensor> {
    requireKnown(targets, this.vocabulary, "target");
    const shape = [sequences, context] as const;
    return {
      tokens: this.#tokens(tokens, shape),
      targets: { dtype: "int32", shape, data: targets },
      lossFactor: scalar(lossFactor),
      ...(weights !== undefined && { weights: { dtype: "float32", shape, data: weights } }),
      ...(documents !== undefined && { documents: { dtype: "int32", shape, data: documents } }),
    };
  }

  #tokens(data: Int32Array, shape: readonly [number, number]): HostTensor {
    requireKnown(data, this.vocabulary);
    return { dtype: "int32", shape, data };
  }

  /**
   * The mean cross-entropy over the targets that count, in nats per token, and their number.
   * @throws Error where there are none; UserError for a token or a target that the model does not have
   */
  async evaluate(batches: Iterable<TokenBatch>): Promise<{ loss: number; tokens: number }> {
    const { sum, tokens } = await this.sumLosses(batches);
    if (tokens > 0) return { loss: sum / tokens, tokens };
    throw new Error("evaluate: there was no batch with a target that counts, expected one at least");
  }

  /** As `evaluate`, the sum and not the mean; 0 of nothing, as of a rank that has no batch. */
  async sumLosses(batches: Iterable<TokenBatch>): Promise<{ sum: number; tokens: number }> {
    let [sum, tokens] = [0, 0];
    for (const batch of batches) {
      const form = formOf(batch);
      const program = await this.program("loss", (traced) => ({ loss: lossOf(traced, form) }), form);
      const { values } = await program.run({ ...this.inputs(), ...this.batchInputs(batch, 1) });
      sum += scalarOf(values, "loss");
      tokens += countedIn(batch);
    }
    return { sum, tokens };
  }

  /**
   * The logits [B, T, V] of tokens int32 [B, T].
   * @throws UserError for a token that the model does not have
   */
  async logits(tokens: Int32Array, shape: readonly [number, number]): Promise<HostArray> {
    const program = await this.#logitsProgram();
    const { values } = await program.run({ ...this.inputs(), tokens: this.#tokens(tokens, shape) });
    return floatArray(required(new Map(Object.entries(values)), "logits"));
  }

  /** Compiles the program of `logits` now, instead of when they are first asked for. */
  async prepareLogits(): Promise<void> {
    await this.#logitsProgram();
  }

  #logitsProgram(): Promise<Program> {
    return this.program("logits", ({ logits }) => ({ logits }));
  }

  /** The logits [V] of the token that follows a window of tokens. */
  async nextLogits(window: Int32Array): Promise<Float32Array> {
    const { data, shape } = await this.logits(window, [1, window.length]);
    return data.slice(-(shape.at(-1) ?? 0));
  }

  /**
   * What the model records on its way, by path, for tokens int32 [B, T]: `blocks.0.attention.weights` are the weights
   * [B, H, T, T] between tokens of a block, `blocks.0.feedForward.weights` those [B, T, P] of parameter tokens.
   * @throws Error for a path at which nothing is recorded
   */
  async records(
    tokens: Int32Array,
    shape: readonly [number, number],
    paths: readonly string[],
  ): Promise<Map<string, HostArray>> {
    const program = await this.program(`records ${paths.join(" ")}`, ({ scope }) =>
      Object.fromEntries(paths.map((path) => [RECORD + path, recorded(scope, path)])),
    );
    const { values } = await program.run({ ...this.inputs(), tokens: this.#tokens(tokens, shape) });
    return new Map(Object.entries(values).map(([name, value]) => [name.slice(RECORD.length), floatArray(value)]));
  }

  /**
   * A program on a trace of this model outside training, all of whose outputs are downloaded. It is compiled when it is first
   * asked for, and kept under its name, the form of its batches and the generations that are gated until `release`.
   */
  program(
    name: string,
    outputs: (traced: Traced) => Readonly<Record<string, Tensor>>,
    { weighted = false, separate = false, gated }: BatchForm & Pick<TraceOptions, "gated"> = {},
  ): Promise<Program> {
    const gates = gated === undefined ? "" : ` gated ${gated.first} ${gated.count}`;
    const formed = `${name}${weighted ? " weighted" : ""}${separate ? " separate" : ""}${gates}`;
    return this.#programs.get(formed, async () => {
      const traced = traceModel(this.model, { training: false, separate, gated });
      this.#vocabulary ??= vocabularyOf(traced);
      const named = outputs(traced);
      const { quantize } = this;
      return this.device.compile(graph(formed, named), {
        download: Object.keys(named),
        ...(quantize !== undefined && {
          frozen: this.parameters,
          quantization: (parameter: string) => quantizationOf(quantize, parameter),
        }),
      });
    });
  }

  /** Frees the programs. */
  async release(): Promise<void> {
    const programs = await this.#programs.drain();
    await freeAll(...programs.map((program) => () => program.release()));
  }

  /** Frees the programs and gives the weights up, which are about to be disposed of: what still uses them is told so. */
  async close(): Promise<void> {
    this.#parameters = undefined;
    await this.release();
  }
}

/** A model's loss as `lossOf` has it, with the scope of its trace. */
export function tracedLoss(model: Model, options: TraceOptions & BatchForm) {
  const traced = traceModel(model, options);
  return { scope: traced.scope, loss: lossOf(traced, options) };
}

/**
 * The summed loss on a batch times `lossFactor`, a given value: 1 / tokens makes it the mean. Where targets have weights, those of weight
 * 0 count nothing, and no gradient comes of them.
 */
export function lossOf({ tokens, logits }: Traced, { weighted = false }: BatchForm = {}): Tensor {
  const rows = [elements(tokens.shape)];
  const targets = input("targets", tokens.shape, "int32");
  const losses = crossEntropy(rowsOf(logits), reshape(targets, rows)); // [B T]
  const counted = weighted ? mul(losses, reshape(input("weights", tokens.shape), rows)) : losses;
  return mul(sum(counted, [0]), input("lossFactor", []));
}

/** A parameter may have the path of a record. */
const RECORD = "record:";

function recorded({ records }: Scope, path: string): Tensor {
  const tensor = records.get(path);
  if (tensor !== undefined) return tensor;
  throw new Error(`the model records nothing as "${path}"; there is ${[...records.keys()].join(", ")}`);
}

export function scalar(value: number, dtype: "float32" | "int32" = "float32"): HostTensor {
  return { dtype, shape: [], data: dtype === "float32" ? Float32Array.of(value) : Int32Array.of(value) };
}

export function scalarOf(values: Readonly<Record<string, HostTensor>>, name: string): number {
  return Number(values[name]?.data[0]);
}

export function floatArray({ shape, data }: HostTensor): HostArray {
  if (!(data instanceof Float32Array)) throw new Error("internal: the tensor is not float32");
  return { shape, data };
}

/** Copies arrays to a device one after the other, so that those that are read on the way are in memory one at a time. */
export async function uploadArrays(
  device: Device,
  arrays: Iterable<readonly [string, HostArray]> | AsyncIterable<readonly [string, HostArray]>,
): Promise<Map<string, DeviceTensor>> {
  return allOrNothing(async (onFailure) => {
    const uploaded = new Map<string, DeviceTensor>();
    onFailure(() => device.dispose(uploaded.values()));
    for await (const [name, { shape, data }] of arrays) {
      uploaded.set(name, await device.upload({ dtype: "float32", shape, data }));
    }
    return uploaded;
  });
}

/** Copies tensors from a device. */
export async function downloadArrays(device: Device, tensors: Tensors): Promise<Map<string, HostArray>> {
  const arrays = new Map<string, HostArray>();
  for await (const [name, array] of downloaded(device, tensors)) arrays.set(name, array);
  return arrays;
}

/** Copies tensors on a device, by way of the host, where one of them is at a time. */
export async function copyTensors(device: Device, tensors: Tensors): Promise<Map<string, DeviceTensor>> {
  return uploadArrays(device, downloaded(device, tensors));
}

async function* downloaded(device: Device, tensors: Tensors): AsyncGenerator<readonly [string, HostArray]> {
  for (const [name, tensor] of tensors) yield [name, floatArray(await device.download(tensor))];
}
