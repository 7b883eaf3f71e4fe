/** What the tests do in a browser: the scenarios of a web worker, asked for by name. */

import {
  type Checkpoint,
  checkpointFiles,
  Decoder,
  type Device,
  DeviceLostError,
  generate,
  openDevice,
  parseCheckpoint,
  Run,
} from "../../src/browser.ts";
import { add, graph, input, matmul, symbol } from "../../src/public/tensor.ts";
import { lossesOf, type Training, tinyRun } from "./tiny-run.ts";

// TypeScript declares these only together with a page's whole interface.
declare const self: {
  onmessage: (event: { readonly data: Request }) => void;
  postMessage(answer: Answer): void;
};
declare const WebAssembly: { Memory: new (size: object) => { readonly buffer: ArrayBufferLike } };
declare const GPUAdapter: { readonly prototype: { requestDevice(...given: unknown[]): Promise<GpuDevice> } };
declare const GPUDevice: { readonly prototype: { createBuffer(given: unknown): object } };
declare const GPUBuffer: { readonly prototype: { destroy(): void } };
interface GpuDevice {
  destroy(): void;
}

export interface Trained {
  readonly device: string;
  readonly losses: readonly number[];
  readonly text: string;
  readonly memory: readonly Memory[];
}

/** The bytes of WebAssembly's memory, and the GPU buffers that live. */
export interface Memory {
  readonly heap: number;
  readonly buffers: number;
}

/** Files by name, as numbers, which survive any way between processes. */
export type Files = Readonly<Record<string, readonly number[]>>;

const begin = async (training: Training, device: Device) => Run.create({ ...tinyRun(training), device });

async function opened<Result>(training: Training, use: (device: Device) => Promise<Result>): Promise<Result> {
  const device = await openDevice(training.device, training);
  try {
    return await use(device);
  } finally {
    await device.close();
  }
}

const scenarios = {
  /** Trains to the end, then writes. Memory is looked at after every some steps. */
  train: ({ every = 5, ...training }: Training & { readonly every?: number }): Promise<Trained> => {
    const heaps = recordedHeaps();
    const buffers = training.device === "webgpu" ? countedBuffers() : () => 0;
    return opened(training, async (device) => {
      const run = await begin(training, device);
      const decoder = await Decoder.open(run.trainer.inference, { context: run.context, freeze: false });
      const memory: Memory[] = [];
      const losses = await lossesOf(run, async (_, step) => {
        if (step % every !== 0) return;
        const heap = heaps.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
        memory.push({ heap, buffers: buffers() });
      });
      let text = "";
      const options = { prompt: "the ", tokens: 12, temperature: 0 };
      for await (const piece of generate(decoder, run.corpus.tokenizer, options)) text += piece;
      await decoder.release();
      await run.close();
      return { device: device.description, losses, text, memory };
    });
  },

  /** Keeps a checkpoint after a step, trains to the end, and once more from the checkpoint's files. */
  resume: ({ at, ...training }: Training & { readonly at: number }) =>
    opened(training, async (device) => {
      const run = await begin(training, device);
      let checkpoint: Checkpoint | undefined;
      const losses = await lossesOf(run, async (_, step) => {
        if (step === at) checkpoint = await run.checkpoint();
      });
      if (checkpoint === undefined) throw new Error(`the run has no step ${at}`);
      const files = await checkpointFiles(checkpoint);
      const { corpus } = run;
      await run.close();
      const again = await Run.resume(await parseCheckpoint(files), { corpus, device });
      const resumed = await lossesOf(again);
      await again.close();
      return { losses, resumed, files: Object.fromEntries([...files].map(([name, bytes]) => [name, [...bytes]])) };
    }),

  /** Multiplies vectors of some lengths, column by row. */
  outer: ({ lengths, ...training }: Training & { readonly lengths: readonly number[] }) =>
    opened(training, async (device) => {
      const x = input("x", [symbol("N"), 1]);
      const program = await device.compile(graph("outer", { y: matmul(x, x, { transposeB: true }) }));
      const outcomes: string[] = [];
      for (const length of lengths) {
        const vector = { dtype: "float32", shape: [length, 1], data: new Float32Array(length) } as const;
        const outcome = program.run({ x: vector }).then(({ tensors }) => String(tensors["y"]?.shape), String);
        outcomes.push(await outcome);
      }
      return outcomes;
    }),

  /** Loses the GPU between two runs of a program. */
  loseGpu: (training: Training) => {
    const gpu = requestedGpu();
    return opened(training, async (device) => {
      const program = await device.compile(graph("next", { y: add(input("x", [1]), 1) }));
      const run = () => program.run({ x: { dtype: "float32", shape: [1], data: new Float32Array(1) } });
      await run();
      gpu()?.destroy();
      await run();
    });
  },

  ping: async () => "pong",
};

export type Scenarios = typeof scenarios;

type Request = {
  readonly [Name in keyof Scenarios]: {
    readonly call: number;
    readonly name: Name;
    readonly given: Parameters<Scenarios[Name]>[0];
  };
}[keyof Scenarios];

/** What a scenario gives, or the name and message of what it threw. */
export type Answer = { readonly call: number } & ({ readonly answer: unknown } | { readonly error: string });

self.onmessage = async ({ data }) => {
  const { call } = data;
  try {
    self.postMessage({ call, answer: await answer(data) });
  } catch (error) {
    self.postMessage({ call, error: `${error instanceof DeviceLostError ? "lost: " : ""}${error}` });
  }
};

function answer(request: Request): Promise<unknown> {
  switch (request.name) {
    case "train":
      return scenarios.train(request.given);
    case "resume":
      return scenarios.resume(request.given);
    case "outer":
      return scenarios.outer(request.given);
    case "loseGpu":
      return scenarios.loseGpu(request.given);
    case "ping":
      return scenarios.ping();
  }
}

/** The memories that WebAssembly makes from now on. */
function recordedHeaps() {
  const made: { readonly buffer: ArrayBufferLike }[] = [];
  WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
    construct(target, given) {
      const memory = Reflect.construct(target, given);
      made.push(memory);
      return memory;
    },
  });
  return made;
}

function countedBuffers(): () => number {
  let count = 0;
  const { createBuffer } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  GPUDevice.prototype.createBuffer = function (given) {
    count++;
    return createBuffer.call(this, given);
  };
  GPUBuffer.prototype.destroy = function () {
    count--;
    destroy.call(this);
  };
  return () => count;
}

function requestedGpu(): () => GpuDevice | undefined {
  let requested: GpuDevice | undefined;
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...given) {
    requested = await requestDevice.apply(this, given);
    return requested;
  };
  return () => requested;
}
