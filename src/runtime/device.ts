/** Devices: compile programs, keep buffers, run. */

import { availableParallelism, cpus } from "node:os";
import { Worker } from "node:worker_threads";
import { messageOf, UserError } from "../errors.ts";
import { required } from "../required.ts";
import { type DataType, emitFrozen, type Graph, inputName, type Quantization } from "../tensor/index.ts";
import type {
  AnswerMessage,
  Argument,
  DeviceKind,
  HostTensor,
  KernelRequest,
  Message,
  OutputInfo,
  RequestName,
  Requests,
} from "./protocol.ts";

export const deviceNames = ["cpu", "webgpu", "cuda", "auto"] as const;

/** `auto` is the first of cuda, webgpu and cpu that works. */
export type DeviceName = (typeof deviceNames)[number];

export interface DeviceOptions {
  /** Threads of one operator on the CPU. Default: the number of cores. */
  readonly threads?: number;
}

/** A tensor that lives on a device until it is disposed. */
export interface DeviceTensor {
  readonly id: number;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** Where it is the beginning of a larger one: how many rows. */
  readonly rows?: number;
}

/** What a run gives: tensors that stay on the device, and values that were asked for on the host. */
export interface RunOutputs {
  readonly tensors: Readonly<Record<string, DeviceTensor>>;
  readonly values: Readonly<Record<string, HostTensor>>;
}

/**
 * A function `(arrays, parameters) => answer` on the arrays of some tensors, which it may change in place, in the device's
 * thread. All tensors of the CPU have such arrays, elsewhere those of `allocate` and outputs that are downloaded.
 */
export interface Kernel {
  /** The URL of the module that exports the function. */
  readonly module: URL;
  readonly name: string;
  /** Tensors by the names of their arrays. */
  readonly tensors: Readonly<Record<string, DeviceTensor>>;
  readonly parameters: unknown;
}

/** A kernel that takes over outputs of a run, which are freed after it: names of arrays, and which output each is. */
export interface OutputKernel extends Kernel {
  readonly outputs: Readonly<Record<string, string>>;
}

export interface CompileOptions {
  /** Outputs that arrive on the host; the others stay on the device. Default: none. */
  readonly download?: readonly string[];
  /**
   * Inputs that become part of the program, laid out for its kernels: a copy, the tensors can be disposed of. Only on the
   * CPU. Default: none.
   */
  readonly frozen?: ReadonlyMap<string, DeviceTensor>;
  /** How products with the frozen input of a name are computed. Default: in float32. */
  readonly quantization?: (name: string) => Quantization | undefined;
}

/** A compiled graph. */
export interface Program {
  readonly graph: Graph;
  /** Runs it. Throws if an input is missing; those it does not know are ignored. Host tensors are copied to the device. */
  run(inputs: Readonly<Record<string, DeviceTensor | HostTensor>>): Promise<RunOutputs>;
  /** As `run`, then a kernel on the outputs: one request of the device's thread instead of three. */
  runThen(
    inputs: Readonly<Record<string, DeviceTensor | HostTensor>>,
    kernel: OutputKernel,
  ): Promise<RunOutputs & { readonly answer: unknown }>;
  release(): Promise<void>;
}

/**
 * Opens a device. Work runs in a thread of its own, so that the caller's event loop stays free; the thread does not keep the
 * process alive while it is idle. Throws a `UserError` if the device cannot be had.
 */
export async function openDevice(name: DeviceName = "cpu", options: DeviceOptions = {}): Promise<Device> {
  if (name !== "auto") return Device.open(name, options);
  for (const kind of ["cuda", "webgpu"] as const) {
    try {
      return await Device.open(kind, options);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }
  return Device.open("cpu", options);
}

interface Pending {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Device {
  readonly kind: DeviceKind;
  readonly threads: number;
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;
  #failure: Error | undefined;

  private constructor(kind: DeviceKind, threads: number) {
    this.kind = kind;
    this.threads = threads;
    this.#worker = new Worker(new URL("./node-worker.js", import.meta.url), { execArgv: [] });
    this.#worker.on("message", (message: AnswerMessage) => this.#settle(message));
    this.#worker.on("error", (error) => this.#fail(new Error(`the device's thread failed: ${messageOf(error)}`)));
    this.#ended = new Promise((resolve) => this.#worker.on("exit", resolve)).then(() => this.#fail(closed()));
    this.#worker.unref();
  }

  static async open(kind: DeviceKind, { threads = availableParallelism() }: DeviceOptions): Promise<Device> {
    const device = new Device(kind, threads);
    try {
      await device.#request("open", { device: kind, threads });
    } catch (error) {
      await device.close();
      throw error;
    }
    return device;
  }

  /** For people: what the device is. */
  get description(): string {
    if (this.kind !== "cpu") return this.kind;
    const model = cpus()[0]?.model.trim() ?? "unknown";
    return `cpu (${model}, ${this.threads} thread${this.threads === 1 ? "" : "s"})`;
  }

  /** Compiles a graph. */
  async compile(graph: Graph, options: CompileOptions = {}): Promise<Program> {
    const { download = [], frozen = new Map<string, DeviceTensor>(), quantization } = options;
    if (frozen.size > 0 && this.kind !== "cpu") {
      throw new UserError(`quantised weights need the cpu, not ${this.kind}; use --device cpu`);
    }
    const shapes = [...frozen].map(
      ([name, { shape }]) => [name, { shape, quantization: quantization?.(name) }] as const,
    );
    const { model, external } = emitFrozen(graph, this.kind, new Map(shapes));
    const constants = external.map((constant) => ({ constant, buffer: required(frozen, constant.input).id }));
    const program = await this.#request("compile", { model, outputs: [...graph.outputs.keys()], download, constants });
    const expected = graph.inputs.map(inputName).filter((name) => !frozen.has(name));
    const run = async (inputs: Readonly<Record<string, DeviceTensor | HostTensor>>, kernel?: OutputKernel) => {
      const { values, buffers, answer } = await this.#request("run", {
        program,
        inputs: argumentsOf(graph.name, expected, inputs),
        kernel: kernel && { ...kernelRequest(kernel), outputs: kernel.outputs },
      });
      return { values, tensors: buffers satisfies Record<string, OutputInfo>, answer };
    };
    return {
      graph,
      run: async (inputs) => run(inputs),
      runThen: run,
      release: async () => this.#request("release", { program }),
    };
  }

  /** Copies a tensor to the device. */
  async upload(tensor: HostTensor): Promise<DeviceTensor> {
    const { dtype, shape } = tensor;
    return { id: await this.#request("upload", { tensor: compact(tensor) }), dtype, shape };
  }

  /** Copies a tensor from the device. */
  async download({ id }: DeviceTensor): Promise<HostTensor> {
    return this.#request("download", { id });
  }

  /** Frees tensors. */
  async dispose(tensors: Iterable<DeviceTensor>): Promise<void> {
    await this.#request("dispose", { ids: [...tensors].map(({ id }) => id) });
  }

  /** Zeros on the host, in the device's thread: an array for kernels, whose rows can be given to programs. */
  async allocate(shape: readonly number[]): Promise<DeviceTensor> {
    const length = shape.reduce((product, size) => product * size, 1);
    return { id: await this.#request("allocate", { length, shape }), dtype: "float32", shape };
  }

  /** Runs a kernel and returns its answer. */
  async kernel(kernel: Kernel): Promise<unknown> {
    return this.#request("kernel", kernelRequest(kernel));
  }

  /**
   * Ends the device's thread, once it has done what it is doing, and frees all it holds. What is pending is rejected at once.
   * ONNX Runtime aborts the process if its thread is terminated during a run: close the device before `process.exit()`.
   */
  async close(): Promise<void> {
    this.#fail(closed());
    this.#worker.ref();
    this.#worker.postMessage("close" satisfies Message);
    await this.#ended;
  }

  #request<Name extends RequestName>(
    name: Name,
    given: Requests[Name]["arguments"],
  ): Promise<Requests[Name]["answer"]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      // The protocol's types pair each request with its answer.
      const settle = (answer: unknown) => resolve(answer as Requests[Name]["answer"]);
      // First, as it throws for what cannot be sent, and nothing must wait for that.
      this.#worker.postMessage({ call, name, arguments: given });
      this.#pending.set(call, { resolve: settle, reject });
      this.#worker.ref();
    });
  }

  #settle(message: AnswerMessage): void {
    const pending = this.#pending.get(message.call);
    this.#pending.delete(message.call);
    // Unknown are those that closing has rejected.
    if (pending === undefined) return;
    if (this.#pending.size === 0) this.#worker.unref();
    if ("answer" in message) pending.resolve(message.answer);
    else
      pending.reject(message.user ? new UserError(message.error) : new Error(message.error, { cause: message.stack }));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    this.#pending.clear();
  }
}

function closed(): Error {
  return new Error("the device is closed");
}

/** What a run is sent. Throws if an input is missing. */
function argumentsOf(
  program: string,
  expected: readonly string[],
  inputs: Readonly<Record<string, DeviceTensor | HostTensor>>,
) {
  const missing = expected.filter((name) => inputs[name] === undefined);
  if (missing.length > 0) throw new Error(`${program}: the input ${missing.join(", ")} is missing`);
  const given: Record<string, Argument> = {};
  for (const name of expected) {
    const value = inputs[name];
    if (value !== undefined) given[name] = "id" in value ? bufferOf(value) : compact(value);
  }
  return given;
}

function bufferOf({ id, rows }: DeviceTensor): Argument {
  return rows === undefined ? id : { buffer: id, rows };
}

function kernelRequest({ module, name, tensors, parameters }: Kernel): KernelRequest {
  const buffers = Object.fromEntries(Object.entries(tensors).map(([key, { id }]) => [key, id]));
  return { module: module.href, name, buffers, parameters };
}

/** The first rows of an allocated tensor, without a copy. */
export function firstRows(tensor: DeviceTensor, rows: number): DeviceTensor {
  return { ...tensor, shape: [rows, ...tensor.shape.slice(1)], rows };
}

/** A view would be sent with its whole buffer: a part of one is copied out. */
function compact(tensor: HostTensor): HostTensor {
  const { data } = tensor;
  return data.byteLength === data.buffer.byteLength ? tensor : { ...tensor, data: data.slice() };
}
