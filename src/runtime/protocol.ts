/** The messages between a device and its worker. */

import type { DataType, ExternalConstant } from "../tensor/index.ts";
import type { KernelId } from "./kernel.ts";

export type HostData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

/** A tensor on the host: row-major data. */
export interface HostTensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly data: HostData;
}

/** A device buffer by its number, or a tensor that comes with the message. */
export type Argument = number | HostTensor;

export interface OutputInfo {
  readonly id: number;
  readonly dtype: DataType;
  readonly shape: readonly number[];
}

export interface RunResult {
  readonly values: Readonly<Record<string, HostTensor>>;
  readonly buffers: Readonly<Record<string, OutputInfo>>;
  /** What the kernel answered, if one was given. */
  readonly answer: unknown;
}

/** A kernel, the buffers of the arrays that it is given, and its other argument. */
export interface KernelRequest {
  readonly kernel: KernelId;
  readonly buffers: Readonly<Record<string, number>>;
  readonly parameters: unknown;
}

/** A kernel that takes the outputs of a run over: the arrays' names, and which output each is. */
export interface OutputKernelRequest extends KernelRequest {
  readonly outputs: Readonly<Record<string, string>>;
}

export type DeviceKind = "cpu" | "webgpu" | "cuda";

/** The numbers that a device gives its buffers: the first, and the first beyond them. */
export type BufferNumbers = readonly [number, number];

/** What a worker can be asked, by name: arguments and answer. */
export interface Requests {
  open: { arguments: { device: DeviceKind; threads: number; buffers: BufferNumbers }; answer: undefined };
  compile: {
    arguments: {
      model: Uint8Array;
      outputs: readonly string[];
      download: readonly string[];
      /** Threads of one operator; `undefined`: those of the device. */
      threads: number | undefined;
      /** Whether outputs that a kernel takes over are written where the last ones were, if that can be done here. */
      inPlace: boolean;
      /** Constants of the model, with the buffer that each is made of. */
      constants: readonly { readonly constant: ExternalConstant; readonly buffer: number }[];
    };
    answer: number;
  };
  release: { arguments: { program: number }; answer: undefined };
  run: {
    arguments: {
      program: number;
      inputs: Readonly<Record<string, Argument>>;
      kernel: OutputKernelRequest | undefined;
    };
    answer: RunResult;
  };
  allocate: { arguments: { length: number; shape: readonly number[] }; answer: number };
  upload: { arguments: { tensor: HostTensor }; answer: number };
  download: { arguments: { id: number }; answer: HostTensor };
  dispose: { arguments: { ids: readonly number[] }; answer: undefined };
  /** Buffers that are spent are freed after it, also where it fails. */
  kernel: { arguments: KernelRequest & { readonly spent: readonly number[] }; answer: unknown };
}

export type RequestName = keyof Requests;

/** The answers to requests, by their kinds. */
export type Handlers = {
  readonly [Name in RequestName]: (
    given: Requests[Name]["arguments"],
  ) => Promise<Requests[Name]["answer"]> | Requests[Name]["answer"];
};

export interface RequestMessage<Name extends RequestName = RequestName> {
  readonly call: number;
  readonly name: Name;
  readonly arguments: Requests[Name]["arguments"];
}

/** What a device sends: "close" ends the thread after the request in hand, without those that wait. */
export type Message = RequestMessage | "close";

export type AnswerMessage =
  | { readonly call: number; readonly answer: unknown }
  | { readonly call: number; readonly error: string; readonly user: boolean; readonly stack: string | undefined };
