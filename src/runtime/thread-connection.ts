/** A device in a thread of Node, which does not keep the process alive while it is idle. */

import { cpus } from "node:os";
import { Worker } from "node:worker_threads";
import { messageOf, UserError } from "../errors.ts";
import { watchKoffi } from "../native-library.ts";
import { bufferNumbers, type Connection, checkThreads, closed, PendingRequests } from "./connection.ts";
import type { AnswerMessage, DeviceKind, Message, RequestName, Requests } from "./protocol.ts";

/** Connections whose threads have not ended. */
const open = new Set<ThreadConnection>();

/**
 * Waits for the work of all devices that is under way, and ends their threads: then the process can end. What waits for them
 * fails.
 */
export async function endThreads(): Promise<void> {
  await Promise.all([...open].map((connection) => connection.close()));
}

export class ThreadConnection implements Connection {
  readonly kind: DeviceKind;
  readonly threads: number;
  readonly another = (threads: number) => ThreadConnection.open(this.kind, threads);
  readonly #worker = quietWorker();
  readonly #pending = new PendingRequests();
  readonly #ended: Promise<void>;

  private constructor(kind: DeviceKind, threads: number) {
    this.kind = kind;
    this.threads = threads;
    this.#worker.on("message", (message: AnswerMessage) => this.#settle(message));
    this.#worker.on("error", (error) => {
      this.#pending.fail(new Error(`the device's thread failed: ${messageOf(error)}`));
    });
    this.#ended = new Promise((resolve) => this.#worker.on("exit", resolve)).then(() => {
      open.delete(this);
      this.#pending.fail(closed());
    });
    open.add(this);
    this.#worker.unref();
  }

  /** Throws a `UserError` if the device cannot be had. */
  static async open(kind: DeviceKind, threads: number): Promise<ThreadConnection> {
    checkThreads(threads);
    const connection = new ThreadConnection(kind, threads);
    try {
      await connection.request("open", { device: kind, threads, buffers: bufferNumbers() });
    } catch (error) {
      await connection.close();
      throw error;
    }
    return connection;
  }

  get description(): string {
    if (this.kind !== "cpu") return this.kind;
    const model = cpus()[0]?.model.trim() ?? "unknown";
    return `cpu (${model}, ${this.threads} thread${this.threads === 1 ? "" : "s"})`;
  }

  async request<Name extends RequestName>(
    name: Name,
    given: Requests[Name]["arguments"],
  ): Promise<Requests[Name]["answer"]> {
    const answer = await this.#pending.add((call) => {
      this.#worker.postMessage({ call, name, arguments: given });
      this.#worker.ref();
    });
    // The protocol's types pair each request with its answer.
    return answer as Requests[Name]["answer"];
  }

  /** ONNX Runtime aborts the process if its thread is terminated during a run, so the thread ends itself. */
  async close(): Promise<void> {
    this.#pending.fail(closed());
    this.#worker.ref();
    this.#worker.postMessage("close" satisfies Message);
    await this.#ended;
  }

  #settle(message: AnswerMessage): void {
    if ("answer" in message) this.#pending.settle(message.call, message);
    else this.#pending.settle(message.call, { error: errorOf(message) });
    // After closing, the worker's end is waited for.
    if (this.#pending.idle && !this.#pending.failed) this.#worker.unref();
  }
}

/**
 * A thread in which ONNX Runtime sends no telemetry. Since 1.29 its builds for Linux and macOS do, about the machine and the
 * model, unless the environment says otherwise; and on Linux what gathers it overflows the stack, which ends the process,
 * where the command line is longer than some 15 kB. The variable has to be that of the process, which a thread of the
 * caller's own has but a copy of: there, the caller sets it.
 */
function quietWorker(): Worker {
  process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
  watchKoffi();
  return new Worker(new URL("./node-worker.js", import.meta.url), { execArgv: [] });
}

function errorOf({ error, user, stack }: Extract<AnswerMessage, { error: string }>): Error {
  return user ? new UserError(error) : new Error(error, { cause: stack });
}
