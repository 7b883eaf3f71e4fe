/**
 * The elementwise part of AdamW in WebAssembly, four float32 numbers at a time. JavaScript would compute one number at a
 * time in float64, which takes three times as long.
 *
 * The program is text in `adamw-program.ts`; `npm run generate:adamw` assembles it.
 */

import { CHUNK } from "./adamw-program.ts";
import { ADAMW_WASM } from "./adamw-wasm.ts";
import { Instance, Memory, Module, type WasmMemory } from "./web-assembly.ts";

/** The program in a memory, which has the arrays by their addresses. */
export interface Program {
  /** Of `bytes` of p, g, m and v. */
  update(places: readonly [p: number, g: number, m: number, v: number], bytes: number, numbers: UpdateNumbers): void;
  /** Adds others to g. */
  add(g: number, other: number, bytes: number): void;
  /** The sum of the squares of g. */
  squares(g: number, bytes: number): number;
}

const SIZE = Float32Array.BYTES_PER_ELEMENT;

/** Numbers that the program takes at a time. */
const LANES = 4;

const memory = new Memory({ initial: 2 });
const windowAt = (place: number) => ({
  at: place * CHUNK * SIZE,
  of: new Float32Array(memory.buffer, place * CHUNK * SIZE, CHUNK),
});
const windows = { p: windowAt(0), g: windowAt(1), m: windowAt(2), v: windowAt(3) };
const own = programIn(memory, moduleOf(ADAMW_WASM));

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

/**
 * Updates p, m and v from element `start` up to `end`, in place.
 * @param shared the program in the memory that has all four arrays. Default: they are copied into one of this thread's, and back
 */
export function updateRange(
  arrays: ParameterArrays,
  start: number,
  end: number,
  numbers: UpdateNumbers,
  shared?: Program,
): void {
  // Further numbers than its own are another thread's.
  const whole = shared === undefined ? start : end - ((end - start) % LANES);
  if (whole > start) {
    const at = (array: Float32Array) => array.byteOffset + start * SIZE;
    shared?.update([at(arrays.p), at(arrays.g), at(arrays.m), at(arrays.v)], (whole - start) * SIZE, numbers);
  }
  const { p, g, m, v } = windows;
  for (let from = whole; from < end; from += CHUNK) {
    const to = Math.min(end, from + CHUNK);
    for (const name of ["p", "g", "m", "v"] as const) windows[name].of.set(arrays[name].subarray(from, to));
    own.update([p.at, g.at, m.at, v.at], (to - from) * SIZE, numbers);
    for (const name of ["p", "m", "v"] as const) arrays[name].set(windows[name].of.subarray(0, to - from), from);
  }
}

/**
 * Adds other gradients of the same length to g, in place.
 * @param shared the program in the memory that has all of them. Default: they are copied into one of this thread's, and back
 * @returns the sum of the squares of the result
 */
export function addGradients(g: Float32Array, others: readonly Float32Array[], shared?: Program): number {
  let squares = 0;
  for (let from = 0; from < g.length; from += CHUNK) {
    const to = Math.min(g.length, from + CHUNK);
    const bytes = (to - from) * SIZE;
    if (shared !== undefined && (to - from) % LANES === 0) {
      const at = (array: Float32Array) => array.byteOffset + from * SIZE;
      for (const other of others) shared.add(at(g), at(other), bytes);
      squares += shared.squares(at(g), bytes);
      continue;
    }
    windows.g.of.set(g.subarray(from, to));
    for (const other of others) {
      windows.p.of.set(other.subarray(from, to));
      own.add(windows.g.at, windows.p.at, bytes);
    }
    if (others.length > 0) g.set(windows.g.of.subarray(0, to - from), from);
    squares += squaresOfWindow(to - from);
  }
  return squares;
}

/** Writes the sum of the squares of each chunk of g, which `addGradients` adds up in their order. */
export function sumSquares(g: Float32Array, sums: Float64Array): void {
  for (let [from, chunk] = [0, 0]; from < g.length; from += CHUNK, chunk++) {
    const to = Math.min(g.length, from + CHUNK);
    windows.g.of.set(g.subarray(from, to));
    sums[chunk] = squaresOfWindow(to - from);
  }
}

/** Of the first numbers of the window of gradients. */
function squaresOfWindow(length: number): number {
  // The last four may have numbers of before behind them.
  windows.g.of.fill(0, length, Math.min(CHUNK, length + LANES - 1));
  return own.squares(windows.g.at, length * SIZE);
}

/** @param wasm the program in base64 */
export function moduleOf(wasm: string): object {
  return new Module(Uint8Array.from(atob(wasm), (character) => character.charCodeAt(0)));
}

export function programIn(place: WasmMemory, module: object): Program {
  const { exports } = new Instance(module, { host: { memory: place } });
  const exported = (name: string): ((...given: number[]) => unknown) => {
    const call = exports[name];
    if (typeof call !== "function") throw new Error(`internal: the AdamW program exports no function "${name}"`);
    return (...given) => call(...given);
  };
  const [update, add, squares] = [exported("update"), exported("add"), exported("squares")];
  return {
    update(places, bytes, { scale, keep, rate, root, beta1, beta2, epsilon }) {
      update(...places, bytes, scale, keep, rate, root, beta1, 1 - beta1, beta2, 1 - beta2, epsilon);
    },
    add,
    squares: (g, bytes) => Number(squares(g, bytes)),
  };
}
