/**
 * Θ and its gradient as operators of ONNX Runtime that are a WebAssembly program, through its C interface by koffi (Linux). Sessions of
 * one thread call them in the thread that runs the session.
 */

import { createRequire } from "node:module";
import { join } from "node:path";
import koffi from "koffi";
import type { Tensor } from "onnxruntime-node";
import assemble from "watr/compile";
import { thetaProgram } from "./program.ts";

// TypeScript declares WebAssembly only together with a browser's whole interface.
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
  validate(bytes: Uint8Array): boolean;
};

const API_VERSION = 16;

/** Position in `OrtApi` of onnxruntime_c_api.h and arguments of functions, which return a status. */
const FUNCTIONS = {
  CreateStatus: [0, "int, str"],
  CreateEnv: [3, "int, str, _Out_ void **"],
  CreateSessionFromArray: [8, "void *, void *, size_t, void *, _Out_ void **"],
  Run: [9, "void *, void *, str *, void **, size_t, str *, size_t, _Inout_ void **"],
  CreateSessionOptions: [10, "_Out_ void **"],
  DisableMemPattern: [17, "void *"],
  SetSessionGraphOptimizationLevel: [23, "void *, int"],
  SetIntraOpNumThreads: [24, "void *, int"],
  CreateCustomOpDomain: [26, "str, _Out_ void **"],
  CustomOpDomain_Add: [27, "void *, void *"],
  AddCustomOpDomain: [28, "void *, void *"],
  CreateTensorWithDataAsOrtValue: [49, "void *, void *, size_t, int64_t *, size_t, int, _Out_ void **"],
  GetTensorMutableData: [51, "void *, _Out_ void **"],
  GetDimensionsCount: [61, "void *, _Out_ size_t *"],
  GetDimensions: [62, "void *, int64_t *, size_t"],
  GetTensorTypeAndShape: [65, "void *, _Out_ void **"],
  CreateCpuMemoryInfo: [69, "int, int, _Out_ void **"],
  KernelContext_GetInput: [90, "void *, size_t, _Out_ void **"],
  KernelContext_GetOutput: [91, "void *, size_t, int64_t *, size_t, _Out_ void **"],
  ReleaseTensorTypeAndShapeInfo: [99, "void *"],
  AddSessionConfigEntry: [130, "void *, str, str"],
} as const satisfies Readonly<Record<string, readonly [number, string]>>;

/** Values of ONNX Runtime's and ONNX's enumerations. */
const [FATAL, ALL_OPTIMISATIONS, ARENA, DEFAULT_MEMORY, FAIL, FLOAT, INT32] = [4, 99, 1, 0, 1, 1, 6];

const bin = join(createRequire(import.meta.url).resolve("onnxruntime-node/package.json"), "../bin/napi-v6/linux");
const library = koffi.load(join(bin, process.arch, "libonnxruntime.so.1"));
const [getApi]: unknown[] = koffi.decode(library.func("OrtGetApiBase", "void *", [])(), "void *", 1);
const api: unknown = koffi.call(getApi, koffi.proto("void *", ["uint32_t"]), API_VERSION);
const addresses: readonly unknown[] = koffi.decode(api, "void *", 131);
const prototypes = new Map(
  Object.entries(FUNCTIONS).map(([name, [, given]]) => [name, koffi.proto("void *", given.split(", "))]),
);

function call(name: keyof typeof FUNCTIONS, ...given: readonly unknown[]): unknown {
  const prototype = prototypes.get(name);
  return prototype && koffi.call(addresses[FUNCTIONS[name][0]], prototype, ...given);
}

function succeed(name: keyof typeof FUNCTIONS, ...given: readonly unknown[]): void {
  if (call(name, ...given) !== null) throw new Error(`${name} failed`);
}

/** What a function writes to the place that is its last argument. */
function made(name: keyof typeof FUNCTIONS, ...given: readonly unknown[]): unknown {
  const place: unknown[] = [null];
  succeed(name, ...given, place);
  return place[0];
}

/** Numbers and bytes of an array that the program's memory has at once. */
const CHUNK = 65_536;
const BYTES = CHUNK * Float32Array.BYTES_PER_ELEMENT;

const memory = new WebAssembly.Memory({ initial: (5 * BYTES) / 65_536 });
const base = koffi.address(new Uint8Array(memory.buffer));
const relaxed: Uint8Array = assemble(thetaProgram(true));

/** Whether V8 has relaxed SIMD. */
export const isRelaxed = WebAssembly.validate(relaxed);

const program = new WebAssembly.Module(isRelaxed ? relaxed : assemble(thetaProgram(false)));
const { exports } = new WebAssembly.Instance(program, { host: { memory } });
const memcpy = koffi.load(null).func("memcpy", "void *", ["void *", "void *", "size_t"]);

/** Milliseconds that the operators have taken, and whether they copy, without which results are wrong. */
export const circumstances = { milliseconds: 0, copying: true };

/** Where an array is, and the numbers that it has for each row of scores. */
interface Rows {
  readonly address: bigint;
  readonly numbers: number;
}

/** Runs a function of the program over rows of scores, some at once. */
function overRows(
  run: (...given: number[]) => void,
  arrays: readonly Rows[],
  inputs: number,
  rows: number,
  scale: number,
) {
  const columns = arrays[0]?.numbers ?? 0;
  if (columns % 16 !== 0 || columns > CHUNK) throw new Error(`rows of ${columns} scores`);
  const atOnce = Math.floor(CHUNK / columns);
  for (let row = 0; row < rows; row += atOnce) {
    const count = Math.min(atOnce, rows - row);
    const copies = arrays.map(({ address, numbers }, index) => {
      const [own, bytes] = [base + BigInt(index * BYTES), numbers * Float32Array.BYTES_PER_ELEMENT];
      return { own, other: address + BigInt(row * bytes), bytes: count * bytes };
    });
    const moved = circumstances.copying ? copies : [];
    for (const { own, other, bytes } of moved.slice(0, inputs)) memcpy(own, other, bytes);
    run(...arrays.map((_, index) => index * BYTES), count, columns, scale);
    for (const { own, other, bytes } of moved.slice(inputs)) memcpy(other, own, bytes);
  }
}

function shapeOf(value: unknown): BigInt64Array {
  const info = made("GetTensorTypeAndShape", value);
  const rank = Number(made("GetDimensionsCount", info));
  const shape = new BigInt64Array(rank);
  succeed("GetDimensions", info, shape, rank);
  call("ReleaseTensorTypeAndShapeInfo", info);
  return shape;
}

function addressOf(value: unknown): bigint {
  const address = made("GetTensorMutableData", value);
  if (typeof address !== "bigint") throw new Error("no address");
  return address;
}

/** Computes an operator by a function of the program: `inputs` tensors, the last of one number a row if so marked, and the scale. */
function computation(name: string, inputs: number, outputs: number, single: (index: number) => boolean) {
  const run = exports[name];
  if (typeof run !== "function") throw new Error(name);
  return (context: unknown) => {
    const given = Array.from({ length: inputs + 1 }, (_, index) => made("KernelContext_GetInput", context, index));
    const shape = shapeOf(given[0]);
    const ofRows = shape.with(-1, 1n);
    const results = Array.from({ length: outputs }, (_, index) => {
      const own = single(inputs + index) ? ofRows : shape;
      return made("KernelContext_GetOutput", context, index, own, own.length);
    });
    const [scale, ...tensors] = [given[inputs], ...given.slice(0, inputs), ...results].map(addressOf);
    const columns = Number(shape.at(-1));
    const arrays = tensors.map((address, index) => ({ address, numbers: single(index) ? 1 : columns }));
    const rows = Number(ofRows.reduce((product, size) => product * size));
    overRows((...numbers) => run(...numbers), arrays, inputs, rows, koffi.decode(scale, "float"));
  };
}

/** The struct `OrtCustomOp` of an operator on float32 tensors. */
function operator(name: string, inputs: number, outputs: number, compute: (context: unknown) => void): unknown {
  const text = koffi.alloc("char", name.length + 1);
  koffi.encode(text, "char", name, name.length + 1);
  const struct = koffi.alloc("void *", 32);
  const callback = (result: string, given: string, answer: (...given: readonly unknown[]) => unknown) =>
    koffi.register(answer, koffi.pointer(koffi.proto(result, given.split(", "))));
  const constant = (result: string, answer: unknown) => callback(result, "void *", () => answer);
  const ofTensor = (answer: number) => callback("int", "void *, size_t", () => answer);
  const run = (_: unknown, context: unknown) => {
    const startedAt = performance.now();
    try {
      compute(context);
      return null;
    } catch (error) {
      return call("CreateStatus", FAIL, String(error));
    } finally {
      circumstances.milliseconds += performance.now() - startedAt;
    }
  };
  const create = (_operator: unknown, _api: unknown, _info: unknown, kernel: unknown) => {
    koffi.encode(kernel, "void *", struct);
    return null;
  };
  // Making a kernel as of old, name, provider; types and numbers of inputs and outputs; computing as of old, freeing a kernel; whether
  // inputs and outputs are optional, and where inputs lie; how many there may be; making a kernel, computing; shapes; versions.
  const fields = [
    ...[null, constant("void *", text), constant("void *", null)],
    ...[ofTensor(FLOAT), constant("size_t", inputs), ofTensor(FLOAT), constant("size_t", outputs)],
    ...[null, callback("void", "void *", () => undefined), ofTensor(0), ofTensor(0), ofTensor(0)],
    ...[constant("int", 0), constant("int", 1), constant("int", 0), constant("int", 1)],
    ...[callback("void *", "void *, void *, void *, void *", create), callback("void *", "void *, void *", run)],
    ...[null, constant("int", 1), constant("int", 1)],
  ];
  koffi.encode(struct, "uint64_t", API_VERSION);
  for (const [index, field] of fields.entries()) koffi.encode(struct, 8 * (index + 1), "void *", field);
  return struct;
}

const environment = made("CreateEnv", FATAL, "theta");
const memoryInfo = made("CreateCpuMemoryInfo", ARENA, DEFAULT_MEMORY);

/** The operators Theta, (a, scale) → (h, slope, factor), and ThetaGradient, (dh, a, slope, factor, scale) → da. */
export const DOMAIN = "tokenformer";
const domain = made("CreateCustomOpDomain", DOMAIN);
const isFactor = (index: number) => index === 3;
const theta = operator("Theta", 2, 3, computation("forward", 1, 3, isFactor));
const gradient = operator("ThetaGradient", 5, 1, computation("backward", 4, 1, isFactor));
for (const own of [theta, gradient]) succeed("CustomOpDomain_Add", domain, own);

type Tensors = Readonly<Record<string, Tensor>>;

/** A pass of a model on one thread: reads inputs and writes outputs in the memory of tensors, whose values are made once. */
export function passOf(model: Uint8Array, inputs: Tensors, outputs: Tensors): () => void {
  const options = made("CreateSessionOptions");
  succeed("DisableMemPattern", options);
  succeed("SetSessionGraphOptimizationLevel", options, ALL_OPTIMISATIONS);
  succeed("SetIntraOpNumThreads", options, 1);
  succeed("AddSessionConfigEntry", options, "optimization.disable_specified_optimizers", "SkipLayerNormFusion");
  succeed("AddCustomOpDomain", options, domain);
  const session = made("CreateSessionFromArray", environment, model, model.byteLength, options);
  const placed = ({ data, dims }: Tensor) => {
    if (!(data instanceof Float32Array || data instanceof Int32Array)) throw new Error("float32 or int32");
    const [shape, element] = [BigInt64Array.from(dims, BigInt), data instanceof Float32Array ? FLOAT : INT32];
    const given = [memoryInfo, data, data.byteLength, shape, dims.length, element];
    return made("CreateTensorWithDataAsOrtValue", ...given);
  };
  const [names, values] = [Object.keys(inputs), Object.values(inputs).map(placed)];
  const [results, places] = [Object.keys(outputs), Object.values(outputs).map(placed)];
  return () => succeed("Run", session, null, names, values, names.length, results, results.length, [...places]);
}
