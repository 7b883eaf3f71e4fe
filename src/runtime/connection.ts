/** What a device talks to: something that answers its requests, in a thread of its own or in the caller's. */

import { UserError } from "../errors.ts";
import type { BufferNumbers, DeviceKind, RequestName, Requests } from "./protocol.ts";

export interface Connection {
  readonly kind: DeviceKind;
  /** Threads of one operator. */
  readonly threads: number;
  /** A description of the device, for people. */
  readonly description: string;
  /** Opens another connection of this kind, in a thread of its own; `undefined` where there is no such thread to be had. */
  readonly another: ((threads: number) => Promise<Connection>) | undefined;
  /** Requests are answered one after the other. Throws what cannot be sent or done, and once the device is closed. */
  request<Name extends RequestName>(name: Name, given: Requests[Name]["arguments"]): Promise<Requests[Name]["answer"]>;
  /** Rejects what is pending at once, waits for the request in hand, and frees all that the device holds. */
  close(): Promise<void>;
}

/** Throws for a number of threads that a device cannot have. */
export function checkThreads(threads: number): void {
  if (Number.isInteger(threads) && threads > 0) return;
  throw new UserError(`threads: got ${threads}, expected a whole number of 1 or more`);
}

/** Throws for a device that is not among those of some names. */
export function checkDeviceName<Name extends string>(name: Name, names: readonly Name[]): void {
  if (names.includes(name)) return;
  throw new UserError(`there is no device "${name}", expected one of ${names.join(", ")}`);
}

/** Buffers that a device may have in its time, at most. */
const BUFFERS = 2 ** 32;

let devices = 0;

/** The numbers for the buffers of one more device, which no other of this process has: the first, and the first beyond them. */
export function bufferNumbers(): BufferNumbers {
  const first = BUFFERS * devices++;
  return [first, first + BUFFERS];
}

interface Pending {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The requests that wait for their answers. After a failure, these and all that come are rejected with it. */
export class PendingRequests {
  readonly #pending = new Map<number, Pending>();
  #calls = 0;
  #failure: Error | undefined;

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  get idle(): boolean {
    return this.#pending.size === 0;
  }

  /** @param send sends the request of a number; what it throws, the request rejects with */
  add(send: (call: number) => void): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      // The request is sent first, as that throws for what cannot be sent, and nothing must wait for such a one.
      send(call);
      this.#pending.set(call, { resolve, reject });
    });
  }

  /** Settles the request of a number; one that a failure has rejected stays so. */
  settle(call: number, outcome: { readonly answer: unknown } | { readonly error: unknown }): void {
    const pending = this.#pending.get(call);
    this.#pending.delete(call);
    if ("answer" in outcome) pending?.resolve(outcome.answer);
    else pending?.reject(outcome.error);
  }

  fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    this.#pending.clear();
  }
}

export function closed(): Error {
  return new Error("the device is closed");
}
