/** The lives of requests: when their work must stop. */

import { setMaxListeners } from "node:events";
import type { ServerResponse } from "node:http";
import { ApiError, ClientGone } from "./api-error.ts";
import type { Limits } from "./limits.ts";

/** Aborts the work of a request when its client goes away, its time is over, or the server ends. Counts its texts. */
export class RequestLife {
  readonly #controller = new AbortController();
  readonly #response: ServerResponse;
  readonly #timer: NodeJS.Timeout;
  readonly #onEnd: (life: RequestLife) => void;
  #texts: number;
  readonly #gone = () => this.#controller.abort(new ClientGone());

  /**
   * @param texts that it asks for
   * @param seconds until it is too late for an answer; up to `LONGEST_SECONDS`
   */
  constructor(response: ServerResponse, texts: number, seconds: number, onEnd: (life: RequestLife) => void) {
    this.#texts = texts;
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

  /** Its texts that are not done. */
  get texts(): number {
    return this.#texts;
  }

  /** One of its texts is done. */
  textDone(): void {
    this.#texts--;
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

/** The requests that are being answered, with no more texts together than there is room for. */
export class RequestLives {
  readonly #seconds: number;
  readonly #room: number;
  readonly #lives = new Set<RequestLife>();

  /** @param slots in which texts are written, beside those that may wait */
  constructor({ seconds, queue }: Pick<Limits, "seconds" | "queue">, slots: number) {
    this.#seconds = seconds;
    this.#room = queue + slots;
  }

  /**
   * A text counts from here on until it is done, or its request ends, wherever it is: among those that become tokens, that wait for a
   * slot, or that are written.
   * @param texts that the request asks for: to be written, or to become tokens, or text. Default 1
   * @throws ApiError where there is no room for them
   */
  begin(response: ServerResponse, texts = 1): RequestLife {
    const others = [...this.#lives].reduce((sum, life) => sum + life.texts, 0);
    if (others + texts > this.#room) throw new ApiError(429, "too many requests are waiting; try again later");
    const life = new RequestLife(response, texts, this.#seconds, (ended) => this.#lives.delete(ended));
    this.#lives.add(life);
    return life;
  }

  /** Stops the work of all. */
  cut(reason: ApiError): void {
    for (const life of this.#lives) life.cut(reason);
  }
}
