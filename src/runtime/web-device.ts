/** Devices of browsers. They work in the caller's thread: open them in a web worker. */

import { UserError } from "../errors.ts";
import { bufferNumbers, checkDeviceName, checkThreads } from "./connection.ts";
import { Device } from "./device.ts";
import { identity } from "./identity.ts";
import { LocalConnection } from "./local-connection.ts";
import type { DeviceKind } from "./protocol.ts";
import { type OnnxRuntime, SessionHost } from "./session-host.ts";

export const webDeviceNames = ["cpu", "wasm", "webgpu", "auto"] as const;

/** `cpu` and `wasm` are the same: WebAssembly. `auto` is webgpu where there is a GPU for it, else cpu. */
export type WebDeviceName = (typeof webDeviceNames)[number];

export interface WebDeviceOptions {
  /**
   * Threads of one operator on the CPU. Default: half of the logical cores, from 2 up to 4, where the page is cross-origin isolated,
   * without which a browser has one. The first device of a worker decides for all that it opens.
   */
  readonly threads?: number;
  /**
   * Where ONNX Runtime's files are: a folder, ending in "/", or the files `ort-wasm-simd-threaded.mjs` and `.wasm` (for WebGPU
   * `….jspi.mjs` or `….asyncify.mjs`). Default: where the bundler has put them.
   */
  readonly wasmPaths?: string | { readonly mjs?: string; readonly wasm?: string };
}

// TypeScript declares these only together with a page's whole interface.
interface GpuDevice {
  readonly lost: Promise<{ readonly message: string }>;
}
interface GpuAdapter {
  readonly info?: { readonly vendor: string; readonly architecture: string; readonly isFallbackAdapter?: boolean };
}
declare const navigator: {
  readonly hardwareConcurrency: number;
  readonly gpu?: { requestAdapter(): Promise<GpuAdapter | null> };
};
declare const crossOriginIsolated: boolean;
declare const WebAssembly: object;

/**
 * Opens a device in the thread of the caller, which should be a web worker's. Its event loop gets a turn after requests, so
 * that messages arrive while a model trains. Throws a `UserError` if the device cannot be had; so do requests once the GPU is
 * lost.
 * @param name default `auto`: webgpu where there is a GPU for it, else cpu; a GPU that software pretends is slower than that
 */
export async function openDevice(name: WebDeviceName = "auto", options: WebDeviceOptions = {}): Promise<Device> {
  checkDeviceName(name, webDeviceNames);
  if (options.threads !== undefined) checkThreads(options.threads);
  if (name === "cpu" || name === "wasm") return openWasm(options);
  try {
    return await openWebGpu(options, name === "auto");
  } catch (error) {
    if (name === "auto" && error instanceof UserError) return openWasm(options);
    throw error;
  }
}

async function openWasm(options: WebDeviceOptions): Promise<Device> {
  const runtime = await import("onnxruntime-web/wasm");
  const host = await openHost("cpu", runtime, options);
  const threads = runtime.env.wasm.numThreads ?? 1;
  const description = `WebAssembly, ${threads} thread${threads === 1 ? "" : "s"}`;
  return new Device(new LocalConnection(host, { kind: "cpu", threads, description }));
}

/** ONNX Runtime keeps to one GPU device for ever, so that a lost one is lost for the thread. */
let lostGpu: DeviceLostError | undefined;

async function openWebGpu(options: WebDeviceOptions, hardwareOnly: boolean): Promise<Device> {
  if (lostGpu !== undefined) throw lostGpu;
  // The adapter is asked for first, as ONNX Runtime's files for WebGPU are large.
  const adapter = await navigator.gpu?.requestAdapter();
  if (adapter === null || adapter === undefined) {
    throw new UserError('the device "webgpu" is not available: this browser offers no GPU; take the device "cpu"');
  }
  if (hardwareOnly && isSoftware(adapter)) {
    throw new UserError('the device "webgpu" is software here, slower than the device "cpu"; take that');
  }
  // Where the engine can suspend WebAssembly, half of the code and faster.
  const runtime =
    "Suspending" in WebAssembly ? await import("onnxruntime-web/jspi") : await import("onnxruntime-web/webgpu");
  const host = await openHost("webgpu", runtime, options);
  const connection = new LocalConnection(host, { kind: "webgpu", threads: 1, description: describe(adapter) });
  const device = await runtime.env.webgpu.device;
  if (isGpuDevice(device)) {
    void device.lost.then((info) => {
      lostGpu = lost(info);
      connection.fail(lostGpu);
    });
  }
  return new Device(connection);
}

async function openHost(
  device: DeviceKind,
  runtime: OnnxRuntime,
  { threads, wasmPaths }: WebDeviceOptions,
): Promise<SessionHost> {
  const { wasm } = runtime.env;
  if (wasmPaths !== undefined) wasm.wasmPaths = wasmPaths;
  wasm.numThreads ??= device === "webgpu" ? 1 : chosenThreads(threads);
  const host = new SessionHost({
    runtime,
    cpuIsCertain: false,
    // What it reports is an Error; others are of its own JavaScript and of WebAssembly, whose memory was damaged or full.
    isBreakdown: (error) => error instanceof Error && error.constructor !== Error,
    provider: (kind) => (kind === "cpu" ? "wasm" : kind),
    identity: (dtype, rank) => Promise.resolve(identity(dtype, rank)),
    remedy: (kind) => remedies[kind],
    ownKernel: async ({ module }) => {
      throw new Error(`${module}: kernels of one's own run in Node alone`);
    },
  });
  await host.open({ device, threads: wasm.numThreads, buffers: bufferNumbers() });
  return host;
}

const REACHABLE = "check that ONNX Runtime's files are served where wasmPaths says";

const remedies: Readonly<Record<DeviceKind, string>> = {
  cpu: `A browser with WebAssembly SIMD is needed; ${REACHABLE}.`,
  webgpu: `A GPU with a driver that the browser trusts is needed, else take the device "cpu"; ${REACHABLE}.`,
  cuda: "",
};

function chosenThreads(wanted: number | undefined): number {
  if (!crossOriginIsolated) return 1;
  const cores = navigator.hardwareConcurrency;
  // On two logical cores, two threads are 1.7 times as fast as one.
  return wanted ?? Math.min(4, cores, Math.max(2, Math.ceil(cores / 2)));
}

/** Whether software pretends a GPU, which browsers tell in one way or another. */
function isSoftware({ info }: GpuAdapter): boolean {
  return info?.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|warp/i.test(info?.architecture ?? "");
}

function describe({ info }: GpuAdapter): string {
  const known = [info?.vendor, info?.architecture].filter((part) => part !== undefined && part !== "");
  return known.length === 0 ? "WebGPU" : `WebGPU (${known.join(" ")})`;
}

function isGpuDevice(device: unknown): device is GpuDevice {
  return typeof device === "object" && device !== null && "lost" in device && device.lost instanceof Promise;
}

/** The error for a GPU that is gone, and with it what was on it. */
export class DeviceLostError extends UserError {}

function lost({ message }: { readonly message: string }): DeviceLostError {
  const reason = message === "" ? "" : ` (${message})`;
  return new DeviceLostError(
    `the GPU was lost${reason}, and with it what was on it; take the device "cpu", or open it in a new worker`,
  );
}
