/** Arrays in one memory that threads share, in which AdamW's program computes without copying them. */

import { sharedArray } from "../cluster/portable.ts";
import { Memory, type WasmMemory } from "./web-assembly.ts";

/** Bytes of a page of WebAssembly's memory, and as many pages as it can have: 4 GiB. */
const [PAGE, MOST] = [2 ** 16, 2 ** 16];

/** Bytes in which an array begins, so that no two share a line of a core's cache. */
const LINE = 64;

export class SharedFloats {
  /** Undefined where an array had no room in it, or there is none. */
  #memory: WasmMemory | undefined;
  #bytes = 0;

  constructor() {
    try {
      this.#memory = new Memory({ initial: 0, maximum: MOST, shared: true });
    } catch {
      // A system that does not let so many addresses be kept.
    }
  }

  /** The memory that has all arrays. Undefined where some are in memory of their own. */
  get memory(): WasmMemory | undefined {
    return this.#memory;
  }

  /** An array of zeros. */
  allocate(length: number): Float32Array {
    return this.#inMemory(length) ?? sharedArray(length);
  }

  #inMemory(length: number): Float32Array | undefined {
    if (this.#memory === undefined) return undefined;
    const start = Math.ceil(this.#bytes / LINE) * LINE;
    this.#bytes = start + length * Float32Array.BYTES_PER_ELEMENT;
    try {
      const lacking = this.#bytes - this.#memory.buffer.byteLength;
      if (lacking > 0) this.#memory.grow(Math.ceil(lacking / PAGE));
      return new Float32Array(this.#memory.buffer, start, length);
    } catch {
      this.#memory = undefined;
      return undefined;
    }
  }
}
