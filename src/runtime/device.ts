/** Devices: compile programs, keep buffers, run. */

import { elementCount } from "../element-count.ts";
import { UserError } from "../errors.ts";
import { required } from "../required.ts";
import {
  type DataType,
  emitWith,
  type Graph,
  inputName,
  type Precision,
  type Quantization,
  type Target,
} from "../tensor/index.ts";
import { type Connection, checkThreads, closed } from "./connection.ts";
import type { KernelCall } from "./kernel.ts";
import type { Argument, DeviceKind, HostTensor, KernelRequest, OutputInfo } from "./protocol.ts";
import { sharedSizes } from "./shared-sizes.ts";

/** A tensor that lives on a device until it is disposed. */
export interface DeviceTensor {
  readonly id: number;
  readonly dtype: DataType;
  readonly shape: readonly number[];
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
export type Kernel = KernelCall & {
  /** Tensors by the names of their arrays. */
  readonly tensors: Readonly<Record<string, DeviceTensor>>;
};

/** A kernel that takes over outputs of a run, which are freed after it: names of arrays, and which output each is. */
export type OutputKernel = Kernel & { readonly outputs: Readonly<Record<string, string>> };

export interface CompileOptions {
  /** Threads of one operator on the CPU. Default: those of the device. */
  readonly threads?: number;
  /** The target whose lowerings the program is made of. Default: that of the device. */
  readonly target?: Target;
  /** The precision of matrix products. Not every device has float16: see `requireHalfProducts`. Default: float32. */
  readonly products?: Precision;
  /** Outputs that arrive on the host; the others stay on the device. Default: none. */
  readonly download?: readonly string[];
  /**
   * Whether outputs that a kernel takes over are written where those of the run before were. It is done on the CPU of Linux, where the
   * optional package koffi is installed, and makes no difference to results. The inputs of the last run and the outputs
   * that were taken over stay in memory until the next run or `release`, also where they are disposed of. Default: false.
   */
  readonly inPlace?: boolean;
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
  /** Runs it. Throws if an input is missing, or two differ in a size that they share; those it does not know are ignored. Host tensors are copied to the device. */
  run(inputs: Readonly<Record<string, DeviceTensor | HostTensor>>): Promise<RunOutputs>;
  /** As `run`, then a kernel on the outputs: one request of the device's thread instead of three. */
  runThen(
    inputs: Readonly<Record<string, DeviceTensor | HostTensor>>,
    kernel: OutputKernel,
  ): Promise<RunOutputs & { readonly answer: unknown }>;
  /** Frees it; again, it does nothing. */
  release(): Promise<void>;
}

export class Device {
  readonly #connection: Connection;
  readonly #others = new Set<Device>();
  /** The device that opened this one beside it. */
  #first: Device | undefined;
  #closing = false;

  /** @param connection what answers its requests; `openDevice` opens one */
  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get kind(): DeviceKind {
    return this.#connection.kind;
  }

  /** Threads of one operator on the CPU. */
  get threads(): number {
    return this.#connection.threads;
  }

  /** A description of the device, for people. */
  get description(): string {
    return this.#connection.description;
  }

  /** Whether `another` opens devices that work at the same time: on the CPU of Node. */
  get canMultiply(): boolean {
    return this.kind === "cpu" && this.#connection.another !== undefined;
  }

  /**
   * Opens another device of this kind, which works at the same time as this one and is closed with it at the latest.
   * @param threads of one operator
   */
  async another(threads: number): Promise<Device> {
    if (this.#connection.another === undefined) throw new Error(`there is one ${this.kind} device here, not two`);
    const device = new Device(await this.#connection.another(threads));
    if (this.#closing) {
      await device.close();
      throw closed();
    }
    this.#others.add(device);
    device.#first = this;
    return device;
  }

  /** Compiles a graph. */
  async compile(graph: Graph, options: CompileOptions = {}): Promise<Program> {
    const {
      download = [],
      threads,
      inPlace = false,
      products = "float32",
      target = this.kind,
      frozen = new Map<string, DeviceTensor>(),
      quantization,
    } = options;
    if (frozen.size > 0 && this.kind !== "cpu") {
      throw new UserError(`quantised weights need the cpu, not ${this.kind}; use --device cpu`);
    }
    checkDownload(graph, download);
    if (threads !== undefined) checkThreads(threads);
    const shapes = [...frozen].map(
      ([name, { shape }]) => [name, { shape, quantization: quantization?.(name) }] as const,
    );
    const { model, external } = emittedOnce(graph, { target, products, frozen: new Map(shapes) });
    const constants = external.map((constant) => ({ constant, buffer: required(frozen, constant.input).id }));
    const program = await this.#connection.request("compile", {
      model,
      outputs: [...graph.outputs.keys()],
      download,
      threads,
      inPlace,
      constants,
    });
    const expected = graph.inputs.map(inputName).filter((name) => !frozen.has(name));
    const checkSizes = sharedSizes(graph, Object.fromEntries(frozen));
    let released: Promise<void> | undefined;
    const run = async (inputs: Readonly<Record<string, DeviceTensor | HostTensor>>, kernel?: OutputKernel) => {
      if (released !== undefined) throw new Error(`${graph.name}: the program was released; compile it again`);
      checkGiven(graph.name, expected, inputs);
      checkSizes(inputs);
      const { values, buffers, answer } = await this.#connection.request("run", {
        program,
        inputs: argumentsOf(expected, inputs),
        kernel: kernel && { ...kernelRequest(kernel), outputs: kernel.outputs },
      });
      return { values, tensors: buffers satisfies Record<string, OutputInfo>, answer };
    };
    return {
      graph,
      run: async (inputs) => run(inputs),
      runThen: run,
      release: async () => {
        released ??= this.#connection.request("release", { program });
        return released;
      },
    };
  }

  /** Copies a tensor to the device. */
  async upload(tensor: HostTensor): Promise<DeviceTensor> {
    const { dtype, shape } = tensor;
    return { id: await this.#connection.request("upload", { tensor: compact(tensor) }), dtype, shape };
  }

  /** Copies a tensor from the device. */
  async download({ id }: DeviceTensor): Promise<HostTensor> {
    return this.#connection.request("download", { id });
  }

  /** Frees tensors. */
  async dispose(tensors: Iterable<DeviceTensor>): Promise<void> {
    await this.#connection.request("dispose", { ids: [...tensors].map(({ id }) => id) });
  }

  /** Zeros on the host, in the device's thread: an array for kernels, which can be given to programs. */
  async allocate(shape: readonly number[]): Promise<DeviceTensor> {
    const length = elementCount(shape);
    return { id: await this.#connection.request("allocate", { length, shape }), dtype: "float32", shape };
  }

  /**
   * Runs a kernel and returns its answer.
   * @param spent tensors that the device frees after it, also where it fails. Default: none
   */
  async kernel(kernel: Kernel, spent: Iterable<DeviceTensor> = []): Promise<unknown> {
    return this.#connection.request("kernel", { ...kernelRequest(kernel), spent: [...spent].map(({ id }) => id) });
  }

  /**
   * Ends the device, once it has done what it is doing, and frees all it holds. What is pending is rejected at once.
   * In Node: close it before `process.exit()`, as ONNX Runtime aborts the process if its thread is terminated during a run.
   */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#first !== undefined) this.#first.#others.delete(this);
    await Promise.all([this.#connection.close(), ...[...this.#others].map((device) => device.close())]);
  }
}

/** What each graph was last emitted as, and the options of that. */
const emissions = new WeakMap<Graph, { readonly options: string; readonly emitted: ReturnType<typeof emitWith> }>();

/** A graph that several devices compile alike, as replicas do, is emitted once. */
function emittedOnce(graph: Graph, options: Omit<Parameters<typeof emitWith>[1], "place">) {
  const key = JSON.stringify({ ...options, frozen: [...(options.frozen ?? [])] });
  const known = emissions.get(graph);
  if (known?.options === key) return known.emitted;
  const emitted = emitWith(graph, options);
  emissions.set(graph, { options: key, emitted });
  return emitted;
}

function checkDownload({ name, outputs }: Graph, download: readonly string[]): void {
  const unknown = download.filter((wanted) => !outputs.has(wanted));
  if (unknown.length === 0) return;
  throw new Error(
    `${name}: there is no output ${unknown.join(", ")} to download; there are ${[...outputs.keys()].join(", ")}`,
  );
}

/** Throws if an input is missing. */
function checkGiven(
  program: string,
  expected: readonly string[],
  inputs: Readonly<Record<string, DeviceTensor | HostTensor>>,
): void {
  const missing = expected.filter((name) => inputs[name] === undefined);
  if (missing.length > 0) throw new Error(`${program}: the input ${missing.join(", ")} is missing`);
}

/** What a run is sent. */
function argumentsOf(expected: readonly string[], inputs: Readonly<Record<string, DeviceTensor | HostTensor>>) {
  const given: Record<string, Argument> = {};
  for (const name of expected) {
    const value = inputs[name];
    if (value !== undefined) given[name] = "id" in value ? value.id : compact(value);
  }
  return given;
}

function kernelRequest({ kernel, tensors, parameters }: Kernel): KernelRequest {
  const buffers = Object.fromEntries(Object.entries(tensors).map(([key, { id }]) => [key, id]));
  return { kernel, buffers, parameters };
}

/** A view would be sent with its whole buffer, and shared memory not as a copy: what is in them is copied out. */
function compact(tensor: HostTensor): HostTensor {
  const { data } = tensor;
  const isOwn = data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength;
  return isOwn ? tensor : { ...tensor, data: data.slice() };
}
