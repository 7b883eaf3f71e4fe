/**
 * The two 16-bit floats of weight files and of what ranks exchange, converted to and from 32-bit floats on their bit patterns.
 *
 * F16 is IEEE 754 half precision: 1 sign, 5 exponent and 10 mantissa bits. BF16 is the upper half of a 32-bit float:
 * 1, 8 and 7 bits. Narrowing rounds to the nearest, ties to even; what is too large becomes an infinity (F16: from
 * 65520 on), and what is not a number stays so.
 */

/** 2^-24, the smallest positive F16. */
const SMALLEST_FLOAT16 = 2 ** -24;

/** Bits of 32-bit floats: infinity, the smallest number that rounds to F16 infinity, the smallest normal F16. */
const INFINITY_BITS = 0x7f800000;
const FLOAT16_OVERFLOW_BITS = 0x477ff000; // 65520
const FLOAT16_NORMAL_BITS = 0x38800000; // 2^-14

/** The exponent biases of 32-bit and 16-bit floats, 127 and 15, differ by 112; here at the exponent's place. */
const REBIAS = 112 << 23;

/** F16 bit patterns `[n]` to floats, into `target` `[n]`, front to back (so that they may share memory). */
export function widenFloat16(source: Uint16Array, target: Float32Array): void {
  const bits = bitsOf(target);
  for (let index = 0; index < source.length; index += 1) {
    const half = source[index] ?? 0;
    const sign = (half & 0x8000) << 16;
    const magnitude = half & 0x7fff;
    if (magnitude < 0x0400) {
      target[index] = (sign === 0 ? magnitude : -magnitude) * SMALLEST_FLOAT16;
    } else if (magnitude < 0x7c00) {
      bits[index] = sign | ((magnitude << 13) + REBIAS);
    } else {
      bits[index] = sign | INFINITY_BITS | (magnitude << 13);
    }
  }
}

/** BF16 bit patterns `[n]` to floats, into `target` `[n]`, front to back (so that they may share memory). */
export function widenBfloat16(source: Uint16Array, target: Float32Array): void {
  const bits = bitsOf(target);
  for (let index = 0; index < source.length; index += 1) bits[index] = (source[index] ?? 0) << 16;
}

/** Floats `[n]` to F16 bit patterns `[n]`. */
export function narrowToFloat16(values: Float32Array): Uint16Array {
  return narrow(values, (bits) => ((bits >>> 16) & 0x8000) | float16Magnitude(bits & 0x7fffffff));
}

/** Floats `[n]` to BF16 bit patterns `[n]`. */
export function narrowToBfloat16(values: Float32Array): Uint16Array {
  // Rounding could carry the mantissa of a NaN away; its quiet bit keeps it a NaN.
  return narrow(values, (bits) => ((bits & 0x7fffffff) > INFINITY_BITS ? (bits >>> 16) | 0x40 : roundShift(bits, 16)));
}

function narrow(values: Float32Array, convert: (bits: number) => number): Uint16Array {
  const bits = bitsOf(values);
  const halves = new Uint16Array(bits.length);
  for (let index = 0; index < bits.length; index += 1) halves[index] = convert(bits[index] ?? 0);
  return halves;
}

/** The F16 bits of a 32-bit float without its sign. */
function float16Magnitude(bits: number): number {
  if (bits > INFINITY_BITS) return 0x7e00 | ((bits >>> 13) & 0x3ff);
  if (bits >= FLOAT16_OVERFLOW_BITS) return 0x7c00;
  if (bits >= FLOAT16_NORMAL_BITS) return roundShift(bits - REBIAS, 13);
  // A subnormal F16 counts multiples of 2^-24: mantissa x 2^(exponent - 150) is mantissa / 2^(126 - exponent) of them.
  const shift = 126 - (bits >>> 23);
  return shift > 24 ? 0 : roundShift((bits & 0x7fffff) | 0x800000, shift);
}

/** `bits` / 2^`shift`, rounded to the nearest integer, ties to even. */
function roundShift(bits: number, shift: number): number {
  const odd = (bits >>> shift) & 1;
  return (bits + (1 << (shift - 1)) - 1 + odd) >>> shift;
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}
