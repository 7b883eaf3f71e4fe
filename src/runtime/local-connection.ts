/** A device in the caller's own thread, which is for a web worker: a page would stand still while it runs. */

import { eventLoopTurn } from "../event-loop.ts";
import { type Connection, closed, PendingRequests } from "./connection.ts";
import { BreakdownError } from "./failures.ts";
import type { DeviceKind, Handlers, RequestName, Requests } from "./protocol.ts";
import type { SessionHost } from "./session-host.ts";

/** Milliseconds of requests after which the event loop gets a turn: a frame of a page that asks meanwhile. */
const LONGEST_WITHOUT_TURN = 8;

export class LocalConnection implements Connection {
  readonly kind: DeviceKind;
  readonly threads: number;
  readonly description: string;
  readonly another = undefined;
  readonly #host: SessionHost;
  readonly #pending = new PendingRequests();
  #last: Promise<void> = Promise.resolve();
  #turned = performance.now();

  constructor(host: SessionHost, { kind, threads, description }: Pick<Connection, "kind" | "threads" | "description">) {
    this.#host = host;
    this.kind = kind;
    this.threads = threads;
    this.description = description;
  }

  async request<Name extends RequestName>(
    name: Name,
    given: Requests[Name]["arguments"],
  ): Promise<Requests[Name]["answer"]> {
    const host: Handlers = this.#host;
    const answer = await this.#pending.add((call) => {
      this.#last = this.#last.then(() => this.#answer(call, () => host[name](owned(given))));
    });
    // The protocol's types pair each request with its answer.
    return answer as Requests[Name]["answer"];
  }

  /** Rejects what is pending and all that comes. */
  fail(error: Error): void {
    this.#pending.fail(error);
  }

  async close(): Promise<void> {
    const isLost = this.#pending.failed;
    this.#pending.fail(closed());
    const freed = this.#last.then(() => this.#host.close());
    this.#last = freed.catch(() => undefined);
    await (isLost ? this.#last : freed);
  }

  async #answer(call: number, handler: () => unknown): Promise<void> {
    if (this.#pending.failed) return;
    try {
      this.#pending.settle(call, { answer: await handler() });
    } catch (error) {
      // What comes of the loss of a GPU may be thrown just before the loss is told, which then settles the request.
      await eventLoopTurn();
      this.#pending.settle(call, { error });
      if (error instanceof BreakdownError) this.#pending.fail(error);
    }
    if (performance.now() - this.#turned < LONGEST_WITHOUT_TURN) return;
    await eventLoopTurn();
    this.#turned = performance.now();
  }
}

/** A tensor to be uploaded is copied, as kernels change what is on the device and the caller keeps its own. */
function owned<Given extends Requests[RequestName]["arguments"]>(given: Given): Given {
  return "tensor" in given ? { ...given, tensor: { ...given.tensor, data: given.tensor.data.slice() } } : given;
}
