/** The thread in which a device of Node lives: answers requests one after the other. */

import { parentPort } from "node:worker_threads";
import * as onnxRuntime from "onnxruntime-node";
import { messageOf, UserError } from "../errors.ts";
import { nodeKernels } from "../node-kernels.ts";
import { NEEDLESS_OPTIMIZERS } from "./optimizers.ts";
import type {
  AnswerMessage,
  DeviceKind,
  Handlers,
  HostTensor,
  Message,
  RequestMessage,
  RequestName,
  RunResult,
} from "./protocol.ts";
import { SessionHost } from "./session-host.ts";

if (parentPort === null) throw new Error("internal: the worker was started as a program");
const port = parentPort;

const remedies: Readonly<Record<DeviceKind, string>> = {
  cpu: "",
  webgpu: "A GPU with a Vulkan, Metal or Direct3D 12 driver is needed; use --device cpu.",
  cuda: "Install its provider with `ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install`, or use --device cpu.",
};

const host: Handlers = new SessionHost({
  runtime: onnxRuntime,
  inPlaceSession: async (...request) =>
    (await import("./native-session.ts")).nativeSession(onnxRuntime.Tensor, ...request),
  kernels: nodeKernels,
  needlessOptimizers: NEEDLESS_OPTIMIZERS,
  cpuIsCertain: true,
  isBreakdown: () => false,
  provider: (kind) => kind,
  // The identity program is loaded when it is asked for, as the CPU has no use for it: without the code that traces and emits models, a thread starts in half the time.
  identity: async (dtype, rank) => (await import("./identity.ts")).identity(dtype, rank),
  remedy: (kind) => remedies[kind],
  async ownKernel({ module, export: name }) {
    const exported: Readonly<Record<string, unknown>> = await import(module);
    const kernel = exported[name];
    if (typeof kernel !== "function") throw new Error(`${module} exports no function "${name}"`);
    return (arrays, parameters) => kernel(arrays, parameters);
  },
});

let last: Promise<void> = Promise.resolve();
let closing = false;
port.on("message", (message: Message) => {
  closing ||= message === "close";
  last = last.then(() => (message === "close" ? port.close() : answer(message)));
});

async function answer(message: RequestMessage): Promise<void> {
  if (closing) return;
  const { call } = message;
  try {
    const result = await dispatch(message);
    port.postMessage({ call, answer: result } satisfies AnswerMessage, memoryOf(message.name, result));
  } catch (error) {
    const stack = error instanceof Error ? error.stack : undefined;
    port.postMessage({
      call,
      error: messageOf(error),
      user: error instanceof UserError,
      stack,
    } satisfies AnswerMessage);
  }
}

/** The memory of what is downloaded: nothing else has it, so that it goes to the caller without a copy. */
function memoryOf(name: RequestName, answer: unknown): ArrayBuffer[] {
  const tensors =
    name === "download" ? [answer] : name === "run" ? Object.values(isRun(answer) ? answer.values : {}) : [];
  const buffers = tensors.flatMap((tensor) => {
    if (!isTensor(tensor)) return [];
    const { buffer, byteLength } = tensor.data;
    return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
  });
  return [...new Set(buffers)];
}

const isRun = (answer: unknown): answer is RunResult =>
  typeof answer === "object" && answer !== null && "values" in answer;
const isTensor = (answer: unknown): answer is HostTensor =>
  typeof answer === "object" && answer !== null && "data" in answer;

function dispatch<Name extends RequestName>({ name, arguments: given }: RequestMessage<Name>) {
  return host[name](given);
}
