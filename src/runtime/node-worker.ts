/** The thread in which a device of Node lives: answers requests one after the other. */

import { parentPort } from "node:worker_threads";
import * as onnxRuntime from "onnxruntime-node";
import { messageOf, UserError } from "../errors.ts";
import type { AnswerMessage, Handlers, Message, RequestMessage, RequestName } from "./protocol.ts";
import { SessionHost } from "./session-host.ts";

if (parentPort === null) throw new Error("internal: the worker was started as a program");
const port = parentPort;
const host: Handlers = new SessionHost(onnxRuntime);

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
