/** The thread in which a device of Node lives: answers requests one after the other. */

import { parentPort } from "node:worker_threads";
import * as onnxRuntime from "onnxruntime-node";
import { messageOf, UserError } from "../errors.ts";
import type { AnswerMessage, DeviceKind, Handlers, Message, RequestMessage, RequestName } from "./protocol.ts";
import { SessionHost } from "./session-host.ts";

if (parentPort === null) throw new Error("internal: the worker was started as a program");
const port = parentPort;
/** The folder of the library, from which kernels are named. */
const library = new URL("../", import.meta.url);

const remedies: Readonly<Record<DeviceKind, string>> = {
  cpu: "",
  webgpu: "A GPU with a Vulkan, Metal or Direct3D 12 driver is needed; use --device cpu.",
  cuda: "Install its provider with `ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node`, or use --device cpu.",
};

const host: Handlers = new SessionHost({
  runtime: onnxRuntime,
  cpuIsCertain: true,
  isBreakdown: () => false,
  provider: (kind) => kind,
  remedy: (kind) => remedies[kind],
  kernels: (module) => import(new URL(module, library).href),
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
    port.postMessage({ call, answer: result } satisfies AnswerMessage);
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

function dispatch<Name extends RequestName>({ name, arguments: given }: RequestMessage<Name>) {
  return host[name](given);
}
