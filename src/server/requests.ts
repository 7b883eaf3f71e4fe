/** The life of a request: when its work must stop. */

import { setMaxListeners } from "node:events";
import { ApiError, ClientGone } from "./api-error.ts";

/** Aborts the work of a request when its client goes away or its time is over. */
export class RequestLife {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(client: AbortSignal, seconds: number) {
    const late = () =>
      this.#controller.abort(
        new ApiError(504, `the answer took longer than ${seconds} s; ask for less, or try again later`),
      );
    this.#timer = setTimeout(late, 1000 * seconds);
    setMaxListeners(0, this.#controller.signal); // each text of the request listens
    if (client.aborted) this.gone();
    else client.addEventListener("abort", () => this.gone(), { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The client went away. */
  gone(): void {
    this.#controller.abort(new ClientGone());
  }

  /** The answer is there, or will not be: what is still being written for it stops. */
  end(): void {
    clearTimeout(this.#timer);
    this.#controller.abort(new ClientGone());
  }
}
