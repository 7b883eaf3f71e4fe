/** The WebAssembly program of AdamW as text: what `adamw-simd.ts` runs, assembled in `adamw-wasm.ts`. */

/** Numbers that the WebAssembly memory holds of each array: together they fit a core's second cache. */
export const CHUNK = 8192;

const BYTES = CHUNK * Float32Array.BYTES_PER_ELEMENT;

/** Where the memory has the arrays, one after the other: parameters p, gradients g, first moments m, second moments v. */
export const OFFSETS = { p: 0, g: BYTES, m: 2 * BYTES, v: 3 * BYTES } as const;

const { p: P, g: G, m: M, v: V } = OFFSETS;

/**
 * update: m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², p ← keep · p - rate · m / (√v · root + ε), where g is scaled first.
 * add: g ← g + p, where p is other gradients then. squares: Σ g² in float64.
 */
export const ADAMW_PROGRAM = `
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
