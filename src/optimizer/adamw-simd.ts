/**
 * The elementwise part of AdamW in WebAssembly, four float32 numbers at a time. JavaScript would compute one number at a
 * time in float64, which takes three times as long.
 *
 * The program is text in `adamw-program.ts`; `npm run generate:adamw` assembles it.
 */

import { CHUNK, OFFSETS } from "./adamw-program.ts";
import { ADAMW_WASM } from "./adamw-wasm.ts";

// TypeScript declares WebAssembly only together with a browser's whole interface.
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
};

const memory = new WebAssembly.Memory({ initial: 2 });
const chunkAt = (offset: number) => new Float32Array(memory.buffer, offset, CHUNK);
const chunks = { p: chunkAt(OFFSETS.p), g: chunkAt(OFFSETS.g), m: chunkAt(OFFSETS.m), v: chunkAt(OFFSETS.v) };

const program = instantiated();

/** Arrays of one length: a parameter, its gradient and its moments. */
export interface ParameterArrays {
  readonly p: Float32Array;
  readonly g: Float32Array;
  readonly m: Float32Array;
  readonly v: Float32Array;
}

/** The numbers of one update, beside the arrays. */
export interface UpdateNumbers {
  /** What gradients are multiplied by first. */
  readonly scale: number;
  /** What parameters are multiplied by: 1 - learning rate · weight decay. */
  readonly keep: number;
  /** Learning rate and root of the second moment, each with its bias correction. */
  readonly rate: number;
  readonly root: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** Updates p, m and v from element `start` up to `end`, in place. */
export function updateRange(arrays: ParameterArrays, start: number, end: number, numbers: UpdateNumbers): void {
  const { scale, keep, rate, root, beta1, beta2, epsilon } = numbers;
  for (let from = start; from < end; from += CHUNK) {
    const to = Math.min(end, from + CHUNK);
    for (const name of ["p", "g", "m", "v"] as const) chunks[name].set(arrays[name].subarray(from, to));
    const bytes = (to - from) * Float32Array.BYTES_PER_ELEMENT;
    program.update(bytes, scale, keep, rate, root, beta1, 1 - beta1, beta2, 1 - beta2, epsilon);
    for (const name of ["p", "m", "v"] as const) arrays[name].set(chunks[name].subarray(0, to - from), from);
  }
}

/**
 * Adds other gradients of the same length to g, in place.
 * @returns the sum of the squares of the result
 */
export function addGradients(g: Float32Array, others: readonly Float32Array[]): number {
  let squares = 0;
  for (let from = 0; from < g.length; from += CHUNK) {
    const to = Math.min(g.length, from + CHUNK);
    const bytes = (to - from) * Float32Array.BYTES_PER_ELEMENT;
    chunks.g.set(g.subarray(from, to));
    for (const other of others) {
      chunks.p.set(other.subarray(from, to));
      program.add(bytes);
    }
    if (others.length > 0) g.set(chunks.g.subarray(0, to - from), from);
    squares += squaresOfChunk(to - from);
  }
  return squares;
}

/** Writes the sum of the squares of each chunk of g, which `addGradients` adds up in their order. */
export function sumSquares(g: Float32Array, sums: Float64Array): void {
  for (let [from, chunk] = [0, 0]; from < g.length; from += CHUNK, chunk++) {
    const to = Math.min(g.length, from + CHUNK);
    chunks.g.set(g.subarray(from, to));
    sums[chunk] = squaresOfChunk(to - from);
  }
}

/** Of the first numbers of the chunk of gradients. */
function squaresOfChunk(length: number): number {
  // The last four may have numbers of before behind them.
  chunks.g.fill(0, length, Math.min(CHUNK, length + 3));
  return program.squares(length * Float32Array.BYTES_PER_ELEMENT);
}

function instantiated() {
  const bytes = Uint8Array.from(atob(ADAMW_WASM), (character) => character.charCodeAt(0));
  const module = new WebAssembly.Module(bytes);
  const { exports } = new WebAssembly.Instance(module, { host: { memory } });
  const exported = (name: string): ((...given: number[]) => unknown) => {
    const call = exports[name];
    if (typeof call !== "function") throw new Error(`internal: the AdamW program exports no function "${name}"`);
    return (...given) => call(...given);
  };
  const [update, add, squares] = [exported("update"), exported("add"), exported("squares")];
  return { update, add, squares: (bytes: number) => Number(squares(bytes)) };
}
