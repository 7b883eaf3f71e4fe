/** The WebAssembly program of AdamW as text: what `adamw-simd.ts` runs, assembled in `adamw-wasm.ts` and `adamw-shared-wasm.ts`. */

/** Numbers that are computed at once of arrays outside of its memory: of four arrays they fit a core's second cache. */
export const CHUNK = 8192;

/** The memories that it is assembled for, in pages of 64 kB: of a thread's own, with room for four chunks; or one that threads share. */
export const MEMORIES = { own: "2", shared: "0 65536 shared" } as const;

/** The place of the four numbers at which a loop is. */
const at = (array: string) => `(i32.add (local.get $${array}) (local.get $i))`;

/**
 * Arrays are given by their addresses in the memory, and their length in bytes is rounded up to four numbers.
 *
 * update: m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², p ← keep · p - rate · m / (√v · root + ε), where g is scaled first.
 * add: g ← g + other. squares: Σ g² in float64.
 * @param memory in which it computes
 */
export const adamwProgram = (memory: keyof typeof MEMORIES): string => `
(module
  (import "host" "memory" (memory ${MEMORIES[memory]}))
  (func (export "update")
    (param $p i32) (param $g i32) (param $m i32) (param $v i32)
    (param $bytes i32) (param $scale f32) (param $keep f32) (param $rate f32) (param $root f32)
    (param $beta1 f32) (param $rest1 f32) (param $beta2 f32) (param $rest2 f32) (param $epsilon f32)
    (local $i i32) (local $gradient v128) (local $first v128) (local $second v128)
    (loop $four
      (local.set $gradient
        (f32x4.mul (v128.load ${at("g")}) (f32x4.splat (local.get $scale))))
      (local.set $first
        (f32x4.add
          (f32x4.mul (v128.load ${at("m")}) (f32x4.splat (local.get $beta1)))
          (f32x4.mul (local.get $gradient) (f32x4.splat (local.get $rest1)))))
      (local.set $second
        (f32x4.add
          (f32x4.mul (v128.load ${at("v")}) (f32x4.splat (local.get $beta2)))
          (f32x4.mul (f32x4.mul (local.get $gradient) (local.get $gradient)) (f32x4.splat (local.get $rest2)))))
      (v128.store ${at("m")} (local.get $first))
      (v128.store ${at("v")} (local.get $second))
      (v128.store ${at("p")}
        (f32x4.sub
          (f32x4.mul (v128.load ${at("p")}) (f32x4.splat (local.get $keep)))
          (f32x4.div
            (f32x4.mul (local.get $first) (f32x4.splat (local.get $rate)))
            (f32x4.add
              (f32x4.mul (f32x4.sqrt (local.get $second)) (f32x4.splat (local.get $root)))
              (f32x4.splat (local.get $epsilon))))))
      (local.set $i (i32.add (local.get $i) (i32.const 16)))
      (br_if $four (i32.lt_u (local.get $i) (local.get $bytes)))))
  (func (export "add") (param $g i32) (param $other i32) (param $bytes i32) (local $i i32)
    (loop $four
      (v128.store ${at("g")} (f32x4.add (v128.load ${at("g")}) (v128.load ${at("other")})))
      (local.set $i (i32.add (local.get $i) (i32.const 16)))
      (br_if $four (i32.lt_u (local.get $i) (local.get $bytes)))))
  (func (export "squares") (param $g i32) (param $bytes i32) (result f64)
    (local $i i32) (local $x v128) (local $low v128) (local $high v128)
    (loop $four
      (local.set $x (f64x2.promote_low_f32x4 (v128.load64_zero ${at("g")})))
      (local.set $low (f64x2.add (local.get $low) (f64x2.mul (local.get $x) (local.get $x))))
      (local.set $x (f64x2.promote_low_f32x4 (v128.load64_zero offset=8 ${at("g")})))
      (local.set $high (f64x2.add (local.get $high) (f64x2.mul (local.get $x) (local.get $x))))
      (local.set $i (i32.add (local.get $i) (i32.const 16)))
      (br_if $four (i32.lt_u (local.get $i) (local.get $bytes))))
    (local.set $x (f64x2.add (local.get $low) (local.get $high)))
    (f64.add (f64x2.extract_lane 0 (local.get $x)) (f64x2.extract_lane 1 (local.get $x)))))
`;
