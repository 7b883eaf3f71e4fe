/**
 * Sessions through ONNX Runtime's C interface, in the library that its binding for Node has loaded. The binding copies each output into
 * a fresh buffer; here, outputs that were given back are written into again, and inputs that are the same as before are not described anew.
 * Of the gradients of 124M parameters, half a gigabyte each step, that saves an eighth of the time of their program, at 800,000 a
 * twenty-fifth.
 */

import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Tensor, TensorConstructor } from "onnxruntime-common";
import { elementCount } from "../element-count.ts";
import { Memo } from "../memo.ts";
import { enterKoffi, type Koffi, keepLoaded, loadKoffi } from "../native-library.ts";
import { required } from "../required.ts";
import type { DataType } from "../tensor/index.ts";
import { tensorDataType } from "../tensor/onnx-format/enumerations.ts";
import type { ProgramSession, SessionSettings } from "./session-host.ts";

/** The version of the interface in which all that is used below is there. */
const API_VERSION = 16;

/** Position and types of functions in `OrtApi` of onnxruntime_c_api.h, to which functions are only appended. */
const FUNCTIONS = {
  GetErrorMessage: [2, "str", ["void *"]],
  CreateEnv: [3, "void *", ["int", "str", "_Out_ void **"]],
  CreateSessionFromArray: [8, "void *", ["void *", "void *", "size_t", "void *", "_Out_ void **"]],
  Run: [9, "void *", ["void *", "void *", "str *", "void **", "size_t", "str *", "size_t", "_Inout_ void **"]],
  CreateSessionOptions: [10, "void *", ["_Out_ void **"]],
  DisableMemPattern: [17, "void *", ["void *"]],
  SetSessionLogSeverityLevel: [22, "void *", ["void *", "int"]],
  SetSessionGraphOptimizationLevel: [23, "void *", ["void *", "int"]],
  SetIntraOpNumThreads: [24, "void *", ["void *", "int"]],
  SetInterOpNumThreads: [25, "void *", ["void *", "int"]],
  CreateTensorWithDataAsOrtValue: [
    49,
    "void *",
    ["void *", "void *", "size_t", "int64_t *", "size_t", "int", "_Out_ void **"],
  ],
  GetTensorMutableData: [51, "void *", ["void *", "_Out_ void **"]],
  GetTensorElementType: [60, "void *", ["void *", "_Out_ int *"]],
  GetDimensionsCount: [61, "void *", ["void *", "_Out_ size_t *"]],
  GetDimensions: [62, "void *", ["void *", "int64_t *", "size_t"]],
  GetTensorTypeAndShape: [65, "void *", ["void *", "_Out_ void **"]],
  CreateCpuMemoryInfo: [69, "void *", ["int", "int", "_Out_ void **"]],
  ReleaseStatus: [93, "void", ["void *"]],
  ReleaseSession: [95, "void", ["void *"]],
  ReleaseValue: [96, "void", ["void *"]],
  ReleaseTensorTypeAndShapeInfo: [99, "void", ["void *"]],
  ReleaseSessionOptions: [100, "void", ["void *"]],
  AddSessionConfigEntry: [130, "void *", ["void *", "str", "str"]],
} as const satisfies Readonly<Record<string, readonly [number, string, readonly string[]]>>;

type FunctionName = keyof typeof FUNCTIONS;

/** Values of ONNX Runtime's enumerations. */
const [FATAL, ALL_OPTIMISATIONS, ARENA, DEFAULT_MEMORY] = [4, 99, 1, 0];

/** The arrays of the types that tensors of ours have. */
const ARRAYS = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array, bool: Uint8Array } as const;

const dataTypes = ["float32", "int32", "int64", "bool"] as const satisfies readonly DataType[];

/** Sessions of this thread that write outputs into memory that was given back, or undefined where koffi or the library is missing. */
export async function openNativeRuntime(tensor: TensorConstructor): Promise<NativeRuntime | undefined> {
  const file = libraryFile();
  if (file === undefined) return undefined;
  // What comes after koffi is loaded is no less in it.
  const leave = enterKoffi();
  try {
    const koffi = await loadKoffi().catch(() => undefined);
    if (koffi === undefined) return undefined;
    const library = koffi.load(file);
    keepLoaded(koffi, file);
    const base: unknown = library.func("OrtGetApiBase", "void *", [])();
    const [getApi]: unknown[] = koffi.decode(base, "void *", 1);
    const api: unknown = koffi.call(getApi, koffi.proto("void *", ["uint32_t"]), API_VERSION);
    return api === null ? undefined : new NativeRuntime(koffi, api, tensor);
  } finally {
    leave();
  }
}

/** ONNX Runtime's library beside its binding; undefined on systems where this has not been tried. */
function libraryFile(): string | undefined {
  if (process.platform !== "linux") return undefined;
  const bin = join(dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json")), "bin");
  const folders = readdirSync(bin).map((name) => join(bin, name, "linux", process.arch));
  return folders.map((folder) => join(folder, "libonnxruntime.so.1")).find((path) => existsSync(path));
}

/** ONNX Runtime's C interface, as far as sessions need it. */
export class NativeRuntime {
  readonly #koffi: Koffi;
  readonly #addresses: readonly unknown[];
  readonly #types: ReadonlyMap<string, ReturnType<Koffi["proto"]>>;
  readonly #tensor: TensorConstructor;
  readonly #memory: unknown;
  readonly #environment: unknown;

  constructor(koffi: Koffi, api: unknown, tensor: TensorConstructor) {
    this.#koffi = koffi;
    const last = Math.max(...Object.values(FUNCTIONS).map(([index]) => index));
    this.#addresses = koffi.decode(api, "void *", last + 1);
    const types = Object.entries(FUNCTIONS).map(
      ([name, [, result, given]]) => [name, koffi.proto(result, [...given])] as const,
    );
    this.#types = new Map(types);
    this.#tensor = tensor;
    this.#environment = this.made("CreateEnv", FATAL, "tokenformer");
    this.#memory = this.made("CreateCpuMemoryInfo", ARENA, DEFAULT_MEMORY);
  }

  /** What a function returns. A process that ends meanwhile waits for it, as koffi would abort where its thread is ended by then. */
  call(name: FunctionName, ...given: readonly unknown[]): unknown {
    const [index] = FUNCTIONS[name];
    const leave = enterKoffi();
    try {
      return this.#koffi.call(this.#addresses[index], required(this.#types, name), ...given);
    } finally {
      leave();
    }
  }

  /** Calls a function that returns a status. Throws an Error with what ONNX Runtime says of a failure. */
  do(name: FunctionName, ...given: readonly unknown[]): void {
    const status = this.call(name, ...given);
    if (status === null) return;
    const message = String(this.call("GetErrorMessage", status));
    this.call("ReleaseStatus", status);
    throw new Error(message);
  }

  /** What a function writes to the place that is its last argument. Throws as `do`. */
  made(name: FunctionName, ...given: readonly unknown[]): unknown {
    const place: unknown[] = [null];
    this.do(name, ...given, place);
    return place[0];
  }

  /** A session of a model with all of its outputs, by their names. */
  createSession(model: Uint8Array, outputs: readonly string[], settings: SessionSettings): ProgramSession {
    const options = this.made("CreateSessionOptions");
    try {
      this.do("DisableMemPattern", options);
      this.do("SetSessionLogSeverityLevel", options, settings.logSeverityLevel);
      this.do("SetSessionGraphOptimizationLevel", options, ALL_OPTIMISATIONS);
      this.do("SetIntraOpNumThreads", options, settings.intraOpNumThreads);
      this.do("SetInterOpNumThreads", options, settings.interOpNumThreads);
      for (const [group, entries] of Object.entries(settings.extra)) {
        for (const [key, value] of Object.entries(entries ?? {}))
          this.do("AddSessionConfigEntry", options, `${group}.${key}`, value);
      }
      const session = this.made("CreateSessionFromArray", this.#environment, model, model.byteLength, options);
      return new NativeSession(this, session, outputs);
    } finally {
      this.call("ReleaseSessionOptions", options);
    }
  }

  /** A value of ONNX Runtime on the memory of an array, which must outlive it. */
  valueOf({ type, data, dims }: Pick<Tensor, "type" | "data" | "dims">): unknown {
    const dtype = dataTypes.find((name) => name === type);
    if (dtype === undefined || !ArrayBuffer.isView(data)) throw unknownType(type);
    const shape = BigInt64Array.from(dims, BigInt);
    return this.made(
      "CreateTensorWithDataAsOrtValue",
      ...[this.#memory, data, data.byteLength, shape, dims.length, tensorDataType[dtype]],
    );
  }

  /** A tensor that has a copy of a value of ONNX Runtime. */
  tensorOf(value: unknown): Tensor {
    const info = this.made("GetTensorTypeAndShape", value);
    try {
      const [type, rank]: [number[], number[]] = [[0], [0]];
      this.do("GetTensorElementType", info, type);
      this.do("GetDimensionsCount", info, rank);
      const shape = new BigInt64Array(Math.max(1, rank[0] ?? 0));
      this.do("GetDimensions", info, shape, rank[0]);
      const dims = Array.from(shape.subarray(0, rank[0]), Number);
      const dtype = dataTypes.find((name) => tensorDataType[name] === type[0]);
      if (dtype === undefined) throw unknownType(String(type[0]));
      const array = new ARRAYS[dtype](elementCount(dims));
      if (array.byteLength > 0) {
        const data = this.made("GetTensorMutableData", value);
        const leave = enterKoffi();
        try {
          new Uint8Array(array.buffer).set(new Uint8Array(this.#koffi.view(data, array.byteLength)));
        } finally {
          leave();
        }
      }
      return new this.#tensor(dtype, array, dims);
    } finally {
      this.call("ReleaseTensorTypeAndShapeInfo", info);
    }
  }
}

const unknownType = (type: string) => new Error(`internal: a tensor of type ${type} is not known`);

/**
 * Values on the memory of tensors, by names. Each is kept, and the tensor with it, until its name is asked for with another one, as making
 * all of them takes a fiftieth of a small model's step.
 */
class KeptValues {
  readonly #runtime: NativeRuntime;
  readonly #kept = new Map<string, { readonly tensor: Tensor; readonly value: unknown }>();

  constructor(runtime: NativeRuntime) {
    this.#runtime = runtime;
  }

  has(name: string): boolean {
    return this.#kept.has(name);
  }

  /** The value on a tensor's memory, or null for none. */
  valueOf(name: string, tensor: Tensor | undefined): unknown {
    const kept = this.#kept.get(name);
    if (kept?.tensor === tensor) return kept?.value ?? null;
    this.#drop(name);
    if (tensor === undefined) return null;
    const value = this.#runtime.valueOf(tensor);
    this.#kept.set(name, { tensor, value });
    return value;
  }

  release(): void {
    for (const name of [...this.#kept.keys()]) this.#drop(name);
  }

  #drop(name: string): void {
    const kept = this.#kept.get(name);
    this.#kept.delete(name);
    if (kept !== undefined) this.#runtime.call("ReleaseValue", kept.value);
  }
}

/** A session whose outputs may be given back. */
class NativeSession implements ProgramSession {
  readonly #runtime: NativeRuntime;
  readonly #outputs: readonly string[];
  #session: unknown;
  readonly #inputs: KeptValues;
  readonly #written: KeptValues;
  /** Outputs that were given back, by their names. */
  readonly #free = new Map<string, Tensor>();

  constructor(runtime: NativeRuntime, session: unknown, outputs: readonly string[]) {
    this.#runtime = runtime;
    this.#session = session;
    this.#outputs = outputs;
    this.#inputs = new KeptValues(runtime);
    this.#written = new KeptValues(runtime);
  }

  async run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>> {
    try {
      return this.#run(feeds);
    } catch (error) {
      // Sizes that are known only when it runs may have changed.
      if (this.#free.size === 0) throw error;
      this.#free.clear();
      return this.#run(feeds);
    }
  }

  #run(feeds: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
    const runtime = this.#runtime;
    const names = Object.keys(feeds);
    const inputs = Object.entries(feeds).map(([name, tensor]) => this.#inputs.valueOf(name, tensor));
    const outputs = this.#outputs.map((name) => this.#written.valueOf(name, this.#free.get(name)));
    const given = [names, inputs, names.length, this.#outputs, this.#outputs.length, outputs];
    try {
      runtime.do("Run", this.#session, null, ...given);
      const results = this.#outputs.map((name, index) => {
        return [name, this.#free.get(name) ?? runtime.tensorOf(outputs[index])] as const;
      });
      this.#free.clear();
      return Object.fromEntries(results);
    } finally {
      this.#outputs.forEach((name, index) => {
        if (!this.#written.has(name) && outputs[index] !== null) runtime.call("ReleaseValue", outputs[index]);
      });
    }
  }

  giveBack(outputs: ReadonlyMap<string, Tensor>): void {
    for (const [name, tensor] of outputs) this.#free.set(name, tensor);
  }

  async release(): Promise<void> {
    this.#free.clear();
    this.#inputs.release();
    this.#written.release();
    if (this.#session !== undefined) this.#runtime.call("ReleaseSession", this.#session);
    this.#session = undefined;
  }
}

/** The runtime of this thread, looked for once. */
const runtimes = new Memo<NativeRuntime | undefined>();

/** A session, or undefined where this is not possible here. */
export async function nativeSession(
  tensor: TensorConstructor,
  model: Uint8Array,
  outputs: readonly string[],
  settings: SessionSettings,
): Promise<ProgramSession | undefined> {
  const runtime = await runtimes.get("runtime", () => openNativeRuntime(tensor));
  return runtime?.createSession(model, outputs, settings);
}
