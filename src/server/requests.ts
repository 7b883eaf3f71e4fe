/** The lives of requests: when their work must stop. */

import { setMaxListeners } from "node:events";
import type { ServerResponse } from "node:http";
import { ApiError, ClientGone } from "./api-error.ts";

/** Aborts the work of a request when its client goes away, its time is over, or the server ends. */
export class RequestLife {
  readonly #controller = new AbortController();
  readonly #response: ServerResponse;
  readonly #timer: NodeJS.Timeout;
  readonly #onEnd: (life: RequestLife) => void;
  readonly #gone = () => this.#controller.abort(new ClientGone());

  /** @param seconds until it is too late for an answer; up to `LONGEST_SECONDS` */
  constructor(response: ServerResponse, seconds: number, onEnd: (life: RequestLife) => void) {
    this.#onEnd = onEnd;
    const late = () =>
      this.cut(new ApiError(504, `the answer took longer than ${seconds} s; ask for less, or try again later`));
    this.#timer = setTimeout(late, 1000 * seconds);
    setMaxListeners(0, this.#controller.signal); // each text of the request listens
    this.#response = response;
    if (response.destroyed) this.#gone();
    else response.once("close", this.#gone);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Stops the work, for a reason that its client is told. */
  cut(reason: ApiError): void {
    this.#controller.abort(reason);
  }

  /** The answer is there, or will not be: what is still being written for it stops. */
  end(): void {
    clearTimeout(this.#timer);
    this.#response.off("close", this.#gone);
    this.#controller.abort(new ClientGone());
    this.#onEnd(this);
  }
}

/** The requests that are being answered. */
export class RequestLives {
  readonly #seconds: number;
  readonly #lives = new Set<RequestLife>();

  /** @param seconds for an answer */
  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  begin(response: ServerResponse): RequestLife {
    const life = new RequestLife(response, this.#seconds, (ended) => this.#lives.delete(ended));
    this.#lives.add(life);
    return life;
  }

  /** Stops the work of all. */
  cut(reason: ApiError): void {
    for (const life of this.#lives) life.cut(reason);
  }
}
