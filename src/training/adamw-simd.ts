/**
 * The elementwise part of AdamW in WebAssembly, four float32 numbers at a time. JavaScript would compute one number at a
 * time in float64, which takes three times as long.
 *
 * The program is kept as text and assembled when this module is loaded (some 20 ms), so that what runs can be read here.
 */

import assemble from "watr/compile";

/** Numbers that the WebAssembly memory holds of each array: together they fit a core's second cache. */
const CHUNK = 8192;

const BYTES = CHUNK * Float32Array.BYTES_PER_ELEMENT;

// In memory one after the other: parameters p, gradients g, first moments m, second moments v.
const [P, G, M, V] = [0, BYTES, 2 * BYTES, 3 * BYTES];

/**
 * update: m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², p ← keep · p - rate · m / (√v · root + ε), where g is scaled first.
 * add: g ← g + p, where p is other gradients then. squares: Σ g² in float64.
 */
const PROGRAM = `
(module
  (import "host" "memory" (memory 2))
  (func (export "update")
    (param $bytes i32) (param $scale f32) (param $keep f32) (param $rate f32) (param $root f32)
    (param $beta1 f32) (param $rest1 f32) (param $beta2 f32) (param $rest2 f32) (param $epsilon f32)
    (local $i i32) (local $g v128) (local $m v128) (local $v v128)
    (loop $four
      (local.set $g
        (f32x4.mul (v128.load offset=${G} (local.get $i)) (f32x4.splat (local.get $scale))))
      (local.set $m
        (f32x4.add
          (f32x4.mul (v128.load offset=${M} (local.get $i)) (f32x4.splat (local.get $beta1)))
          (f32x4.mul (local.get $g) (f32x4.splat (local.get $rest1)))))
      (local.set $v
        (f32x4.add
          (f32x4.mul (v128.load offset=${V} (local.get $i)) (f32x4.splat (local.get $beta2)))
          (f32x4.mul (f32x4.mul (local.get $g) (local.get $g)) (f32x4.splat (local.get $rest2)))))
      (v128.store offset=${M} (local.get $i) (local.get $m))
      (v128.store offset=${V} (local.get $i) (local.get $v))
      (v128.store offset=${P} (local.get $i)
        (f32x4.sub
          (f32x4.mul (v128.load offset=${P} (local.get $i)) (f32x4.splat (local.get $keep)))
          (f32x4.div
            (f32x4.mul (local.get $m) (f32x4.splat (local.get $rate)))
            (f32x4.add
              (f32x4.mul (f32x4.sqrt (local.get $v)) (f32x4.splat (local.get $root)))
              (f32x4.splat (local.get $epsilon))))))
      (local.set $i (i32.add (local.get $i) (i32.const 16)))
      (br_if $four (i32.lt_u (local.get $i) (local.get $bytes)))))
  (func (export "add") (param $bytes i32) (local $i i32)
    (loop $four
      (v128.store offset=${G} (local.get $i)
        (f32x4.add (v128.load offset=${G} (local.get $i)) (v128.load offset=${P} (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 16)))
      (br_if $four (i32.lt_u (local.get $i) (local.get $bytes)))))
  (func (export "squares") (param $bytes i32) (result f64)
    (local $i i32) (local $x v128) (local $low v128) (local $high v128)
    (loop $four
      (local.set $x (f64x2.promote_low_f32x4 (v128.load64_zero offset=${G} (local.get $i))))
      (local.set $low (f64x2.add (local.get $low) (f64x2.mul (local.get $x) (local.get $x))))
      (local.set $x (f64x2.promote_low_f32x4 (v128.load64_zero offset=${G + 8} (local.get $i))))
      (local.set $high (f64x2.add (local.get $high) (f64x2.mul (local.get $x) (local.get $x))))
      (local.set $i (i32.add (local.get $i) (i32.const 16)))
      (br_if $four (i32.lt_u (local.get $i) (local.get $bytes))))
    (local.set $x (f64x2.add (local.get $low) (local.get $high)))
    (f64.add (f64x2.extract_lane 0 (local.get $x)) (f64x2.extract_lane 1 (local.get $x)))))
`;

// TypeScript declares WebAssembly only together with a browser's whole interface.
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
};

const memory = new WebAssembly.Memory({ initial: 2 });
const chunkAt = (offset: number) => new Float32Array(memory.buffer, offset, CHUNK);
const chunks = { p: chunkAt(P), g: chunkAt(G), m: chunkAt(M), v: chunkAt(V) };

const program = assembled();

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
    // The last four may have numbers of before behind them.
    chunks.g.fill(0, to - from, Math.min(CHUNK, to - from + 3));
    squares += program.squares(bytes);
  }
  return squares;
}

function assembled() {
  const bytes: Uint8Array = assemble(PROGRAM);
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
