/**
 * The one place that runs ONNX Runtime. It lives in a worker, because `session.run` blocks its thread for the whole step.
 *
 * What ONNX Runtime's binding for Node does (1.30), and what follows here:
 * - Inputs are taken without a copy and every output is copied into a fresh buffer. So state that changes each step is not
 *   an output on the CPU: kernels (`kernel`) change it in place. Gradients go through the C interface instead, where it can be
 *   had: see `native-session.ts`.
 * - Each session has its own pool of threads, and an idle pool spins: `force_spinning_stop` gives its core back.
 * - The memory pattern raises the peak by a third and saves nothing: off.
 * - On WebGPU, outputs stay on the device (`gpu-buffer`) and can be fed back. `getData()` of such a tensor aborts the process
 *   in Node, so an identity program with an output on the host downloads it.
 */

import type { Env, InferenceSessionFactory, Tensor, TensorConstructor } from "onnxruntime-common";
import { UserError } from "../errors.ts";
import { freeAll } from "../freeing.ts";
import { type Kernels, kernels } from "../kernels.ts";
import { Memo } from "../memo.ts";
import { required } from "../required.ts";
import type { DataType } from "../tensor/index.ts";
import { constantsOf } from "./constants.ts";
import { explain, reasonOf } from "./failures.ts";
import type { KernelExport, KernelFunction, KernelName } from "./kernel.ts";
import type {
  Argument,
  BufferNumbers,
  DeviceKind,
  Handlers,
  HostData,
  HostTensor,
  KernelRequest,
  OutputInfo,
  OutputKernelRequest,
  Requests,
  RunResult,
} from "./protocol.ts";

/** What is used of ONNX Runtime; `onnxruntime-node` and `onnxruntime-web` both give it. */
export interface OnnxRuntime {
  readonly env: Env;
  readonly InferenceSession: InferenceSessionFactory;
  readonly Tensor: TensorConstructor;
}

/** What is used of a session of ONNX Runtime. */
export interface ProgramSession {
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>>;
  release(): Promise<void>;
  /** Outputs that nobody needs any more: a session that can do so writes the next ones into their memory. */
  giveBack?(outputs: ReadonlyMap<string, Tensor>): void;
}

/** How sessions are made, in the words of ONNX Runtime's JavaScript interface. */
export interface SessionSettings {
  readonly intraOpNumThreads: number;
  readonly interOpNumThreads: number;
  readonly logSeverityLevel: 4;
  /** Further entries, by group and key. */
  readonly extra: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** What differs between Node and browsers. */
export interface Platform {
  readonly runtime: OnnxRuntime;
  /** A session on the CPU that writes into memory that is given back; undefined where there is none. Default: nowhere. */
  inPlaceSession?(
    model: Uint8Array,
    outputs: readonly string[],
    settings: SessionSettings,
  ): Promise<ProgramSession | undefined>;
  /** Whether there is a CPU device for certain, so that no session has to be tried on it. */
  readonly cpuIsCertain: boolean;
  /** Whether ONNX Runtime threw what leaves it unusable. */
  isBreakdown(error: unknown): boolean;
  /** The name that ONNX Runtime has for a device. */
  provider(kind: DeviceKind): string;
  /** The model that gives what it is given, which moves a tensor to or from a GPU. */
  identity(dtype: DataType, rank: number): Promise<Uint8Array>;
  /** How to get a device that is missing. */
  remedy(kind: DeviceKind): string;
  /** Optimisers of ONNX Runtime that are left out on the CPU, as they find nothing. Default: none, for a page that loads sooner. */
  readonly needlessOptimizers?: readonly string[];
  /** Kernels in place of those of all platforms, for a device of so many threads. Default: none. */
  readonly kernels?: {
    readonly [Name in KernelName]?: (threads: number) => ReturnType<Kernels[Name]>;
  };
  /** The function of a kernel of one's own. Throws where its module has none of that name, or there are no modules to load. */
  ownKernel(kernel: KernelExport): Promise<KernelFunction>;
}

interface Program {
  readonly session: ProgramSession;
  /** Names of the outputs that are wanted on the host. */
  readonly download: ReadonlySet<string>;
  /** Why it can run no more. */
  failure: Error | undefined;
}

type ProgramRequest = Pick<Requests["compile"]["arguments"], "model" | "outputs" | "download"> &
  Partial<Pick<Requests["compile"]["arguments"], "threads" | "inPlace">> & {
    /** Default: none. */
    readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array }[];
  };

/** On the CPU, the operator that adds and normalises takes five times as long as the two that it is made of. */
export const SLOWER_OPTIMIZER = "SkipLayerNormFusion";

/** The entry of a session's settings that leaves optimisers out. */
const withoutOptimizers = (needless: readonly string[] = []) => ({
  optimization: { disable_specified_optimizers: [SLOWER_OPTIMIZER, ...needless].join(";") },
});

export class SessionHost implements Handlers {
  readonly #platform: Platform;
  readonly #runtime: OnnxRuntime;
  readonly #programs = new Map<number, Program>();
  readonly #tensors = new Map<number, Tensor>();
  readonly #transfers = new Memo<Program>();
  #device: DeviceKind = "cpu";
  #threads = 1;
  #programCount = 0;
  #buffers: BufferNumbers = [0, 0];
  #bufferCount = 0;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#runtime = platform.runtime;
    // What fails is thrown, and need not be printed as well.
    this.#runtime.env.logLevel = "fatal";
  }

  /** Chooses the device. Throws a `UserError` if it cannot be had. */
  async open({ device, threads, buffers }: Requests["open"]["arguments"]): Promise<undefined> {
    this.#device = device;
    this.#threads = threads;
    this.#buffers = buffers;
    if (device === "cpu" && this.#platform.cpuIsCertain) return;
    try {
      await this.#transferred({ dtype: "float32", shape: [1], data: new Float32Array(1) }, "download");
    } catch (error) {
      throw new UserError(
        `the device "${device}" is not available here: ${reasonOf(error)} ${this.#platform.remedy(device)}`,
      );
    }
  }

  async compile({ constants, ...request }: Requests["compile"]["arguments"]): Promise<number> {
    const id = this.#programCount++;
    const externalData = constantsOf(constants, (buffer) => hostTensor(this.#tensor(buffer)));
    this.#programs.set(id, await this.#program({ ...request, externalData }));
    return id;
  }

  async release({ program }: Requests["release"]["arguments"]): Promise<undefined> {
    const { session } = this.#find(program);
    this.#programs.delete(program);
    await session.release();
  }

  async run({ program, inputs, kernel }: Requests["run"]["arguments"]): Promise<RunResult> {
    const found = this.#find(program);
    const feeds = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, this.#tensor(value)]));
    const results = new Map(Object.entries(await this.#run(found, feeds)));
    const values: Record<string, HostTensor> = {};
    const buffers: Record<string, OutputInfo> = {};
    const answer = kernel === undefined ? undefined : await this.#takeOver(found, results, kernel);
    for (const [name, tensor] of results) {
      if (found.download.has(name)) values[name] = hostTensor(tensor);
      else buffers[name] = { id: this.#keep(tensor), dtype: dataType(tensor), shape: tensor.dims };
    }
    return { values, buffers, answer };
  }

  allocate({ length, shape }: Requests["allocate"]["arguments"]): number {
    return this.#keep(this.#tensor({ dtype: "float32", shape, data: new Float32Array(length) }));
  }

  async upload({ tensor }: Requests["upload"]["arguments"]): Promise<number> {
    if (this.#device === "cpu") return this.#keep(this.#tensor(tensor));
    return this.#keep(await this.#transferred(tensor, "upload"));
  }

  async download({ id }: Requests["download"]["arguments"]): Promise<HostTensor> {
    const tensor = this.#tensor(id);
    // A copy, for the buffer goes on changing.
    if (tensor.location === "cpu") return { ...hostTensor(tensor), data: hostTensor(tensor).data.slice() };
    const shape = tensor.dims;
    return hostTensor(await this.#transferred({ dtype: dataType(tensor), shape, tensor }, "download"));
  }

  dispose({ ids }: Requests["dispose"]["arguments"]): undefined {
    for (const id of ids) this.#refuseForeign(id);
    for (const id of ids) {
      const tensor = this.#tensors.get(id);
      this.#tensors.delete(id);
      if (tensor !== undefined && tensor.location !== "cpu") tensor.dispose();
    }
  }

  /** Frees all that is held: tensors first, as ONNX Runtime gives up a GPU with the last session. */
  async close(): Promise<void> {
    const programs = [...this.#programs.values(), ...(await this.#transfers.drain())];
    this.#programs.clear();
    await freeAll(
      () => this.dispose({ ids: [...this.#tensors.keys()] }),
      ...programs.map(
        ({ session }) =>
          () =>
            session.release(),
      ),
    );
  }

  async kernel({ buffers, spent, ...call }: Requests["kernel"]["arguments"]): Promise<unknown> {
    try {
      const tensors = Object.entries(buffers).map(([key, id]) => [key, this.#tensor(id)] as const);
      return await this.#call(call, tensors);
    } finally {
      this.dispose({ ids: spent });
    }
  }

  /** Runs a kernel on buffers and on outputs, which leave the results. */
  async #takeOver(
    { session }: Program,
    results: Map<string, Tensor>,
    { buffers, outputs, ...call }: OutputKernelRequest,
  ): Promise<unknown> {
    const given = Object.entries(buffers).map(([key, id]) => [key, this.#tensor(id)] as const);
    const taken = Object.entries(outputs).map(([key, name]) => [key, required(results, name)] as const);
    const names = Object.values(outputs);
    const spent = new Map(names.map((name) => [name, required(results, name)]));
    for (const name of names) results.delete(name);
    try {
      return await this.#call(call, [...given, ...taken]);
    } finally {
      session.giveBack?.(spent);
    }
  }

  async #program(request: ProgramRequest): Promise<Program> {
    return { session: await this.#session(request), download: new Set(request.download), failure: undefined };
  }

  async #session({
    model,
    outputs,
    download,
    threads = this.#threads,
    externalData = [],
    inPlace = false,
  }: ProgramRequest): Promise<ProgramSession> {
    const settings: SessionSettings = {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 4,
      extra: {
        session: { force_spinning_stop: "1" },
        ...(this.#device === "cpu" && withoutOptimizers(this.#platform.needlessOptimizers)),
      },
    };
    if (inPlace && this.#device === "cpu" && externalData.length === 0) {
      const session = await this.#platform.inPlaceSession?.(model, outputs, settings);
      if (session !== undefined) return session;
    }
    return this.#runtime.InferenceSession.create(model, {
      ...settings,
      executionProviders: [this.#platform.provider(this.#device)],
      graphOptimizationLevel: "all",
      enableMemPattern: false,
      externalData,
      ...(this.#device === "webgpu" && {
        preferredOutputLocation: Object.fromEntries(
          outputs.map((name) => [name, download.includes(name) ? "cpu" : "gpu-buffer"] as const),
        ),
      }),
    });
  }

  async #run(program: Program, feeds: Record<string, Tensor>) {
    if (program.failure !== undefined) throw program.failure;
    try {
      return await program.session.run(feeds);
    } catch (error) {
      const failure = explain(error, feeds, this.#platform.isBreakdown(error));
      // With outputs that stay on a GPU, ONNX Runtime in browsers (1.30) would run it again on the inputs of this time.
      if (this.#device === "webgpu") program.failure = failure;
      throw failure;
    }
  }

  /** A tensor moved to or from the device by an identity program, compiled once for each dtype and rank. */
  async #transferred(
    {
      dtype,
      shape,
      ...source
    }: { dtype: DataType; shape: readonly number[] } & ({ data: HostData } | { tensor: Tensor }),
    direction: "upload" | "download",
  ): Promise<Tensor> {
    const key = `${direction} ${dtype} ${shape.length}`;
    const program = this.#transfers.get(key, async () => {
      const model = await this.#platform.identity(dtype, shape.length);
      return this.#program({ model, outputs: ["y"], download: direction === "download" ? ["y"] : [] });
    });
    const x = "tensor" in source ? source.tensor : this.#tensor({ dtype, shape, data: source.data });
    const { y } = await this.#run(await program, { x });
    if (y === undefined) throw new Error("internal: the identity program gave no output");
    return y;
  }

  #tensor(argument: Argument): Tensor {
    if (typeof argument === "number") {
      const tensor = this.#tensors.get(argument);
      if (tensor !== undefined) return tensor;
      this.#refuseForeign(argument);
      throw new Error(`internal: buffer ${argument} was disposed or never existed`);
    }
    const { dtype, data, shape } = argument;
    return new this.#runtime.Tensor(dtype, data, shape);
  }

  /** What a kernel answers, given the arrays of tensors by name. */
  async #call(
    { kernel, parameters }: Omit<KernelRequest, "buffers">,
    tensors: readonly (readonly [string, Tensor])[],
  ): Promise<unknown> {
    const found =
      typeof kernel === "string"
        ? (this.#platform.kernels?.[kernel] ?? kernels[kernel])(this.#threads)
        : this.#platform.ownKernel(kernel);
    // The type of a request pairs each kernel with its parameters.
    const call = (await found) as KernelFunction;
    return call(Object.fromEntries(tensors.map(([key, tensor]) => [key, hostTensor(tensor).data])), parameters);
  }

  #refuseForeign(buffer: number): void {
    const [first, beyond] = this.#buffers;
    if (buffer >= first && buffer < beyond) return;
    throw new Error(
      `buffer ${buffer} is of another device; use it there, or download it from there and upload it here`,
    );
  }

  #keep(tensor: Tensor): number {
    const id = this.#buffers[0] + this.#bufferCount++;
    this.#tensors.set(id, tensor);
    return id;
  }

  #find(id: number): Program {
    const program = this.#programs.get(id);
    if (program === undefined) throw new Error(`internal: program ${id} was released or never existed`);
    return program;
  }
}

function hostTensor(tensor: Tensor): HostTensor {
  const { data } = tensor;
  const known =
    data instanceof Float32Array ||
    data instanceof Int32Array ||
    data instanceof BigInt64Array ||
    data instanceof Uint8Array;
  if (!known) throw new Error(`internal: a tensor of type ${tensor.type} is not known`);
  return { dtype: dataType(tensor), shape: tensor.dims, data };
}

function dataType({ type }: Tensor): DataType {
  if (type === "float32" || type === "int32" || type === "int64" || type === "bool") return type;
  throw new Error(`internal: a tensor of type ${type} is not known`);
}
