/** A communicator that tells a watch how far it is, without waiting for anything. */

import type { Communicator, WireType } from "./communicator.ts";

/** What a thread can see of another: numbers in shared memory, by their places. */
export const SEEN = {
  /** Collective operations begun and ended. */
  begun: 0,
  ended: 1,
  /** Whether this rank does work now that others need not do. */
  apart: 2,
} as const;

export class WatchedCommunicator implements Communicator {
  readonly #inner: Communicator;
  readonly #seen: Int32Array;

  /** @param seen counts what is under way; as long as `SEEN`, in shared memory */
  constructor(inner: Communicator, seen: Int32Array) {
    this.#inner = inner;
    this.#seen = seen;
  }

  get rank(): number {
    return this.#inner.rank;
  }

  get size(): number {
    return this.#inner.size;
  }

  get host(): string {
    return this.#inner.host;
  }

  get description(): string {
    return this.#inner.description;
  }

  allReduce(values: Float32Array, wire?: WireType): Promise<void> {
    return this.#counted(() => this.#inner.allReduce(values, wire));
  }

  reduceScatter(values: Float32Array, wire?: WireType): Promise<void> {
    return this.#counted(() => this.#inner.reduceScatter(values, wire));
  }

  allGather(values: Float32Array): Promise<void> {
    return this.#counted(() => this.#inner.allGather(values));
  }

  broadcast(values: Float32Array, root: number): Promise<void> {
    return this.#counted(() => this.#inner.broadcast(values, root));
  }

  barrier(): Promise<void> {
    return this.#counted(() => this.#inner.barrier());
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async apart<Result>(work: () => Promise<Result>): Promise<Result> {
    Atomics.add(this.#seen, SEEN.apart, 1);
    try {
      return await work();
    } finally {
      Atomics.sub(this.#seen, SEEN.apart, 1);
    }
  }

  async #counted(operation: () => Promise<void>): Promise<void> {
    Atomics.add(this.#seen, SEEN.begun, 1);
    try {
      await operation();
    } finally {
      // One that failed is over, too: what this rank does then is not waiting for others.
      Atomics.add(this.#seen, SEEN.ended, 1);
    }
  }
}
