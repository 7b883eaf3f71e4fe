import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { narrowToBfloat16, narrowToFloat16, widenBfloat16, widenFloat16 } from "../src/half.ts";

const everyPattern = Uint16Array.from({ length: 2 ** 16 }, (_, index) => index);

const formats = [
  { name: "F16", widen: widenFloat16, narrow: narrowToFloat16, exponentBits: 5, mantissaBits: 10 },
  { name: "BF16", widen: widenBfloat16, narrow: narrowToBfloat16, exponentBits: 8, mantissaBits: 7 },
] as const;

/** The value of a pattern by the definition of IEEE 754. */
function numberOf(pattern: number, exponentBits: number, mantissaBits: number): number {
  const sign = pattern >>> 15 === 0 ? 1 : -1;
  const largest = 2 ** exponentBits - 1;
  const exponent = (pattern >>> mantissaBits) & largest;
  const fraction = (pattern & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === largest) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
}

describe.each(formats)("$name", ({ widen, narrow, exponentBits, mantissaBits }) => {
  const widened = new Float32Array(2 ** 16);
  widen(everyPattern, widened);
  const infinityPattern = (2 ** exponentBits - 1) << mantissaBits;

  test("widens all 65536 patterns to their value", () => {
    const expected = Float32Array.from(everyPattern, (pattern) => numberOf(pattern, exponentBits, mantissaBits));
    expect(widened.every((value, index) => Object.is(value, expected[index]))).toBe(true);
  });

  test("narrows every widened pattern back to itself, and NaN to NaN", () => {
    const back = narrow(widened);
    const wrong = [...everyPattern].filter((pattern) => {
      const isNaNPattern = (pattern & 0x7fff) > infinityPattern;
      return isNaNPattern ? ((back[pattern] ?? 0) & 0x7fff) <= infinityPattern : back[pattern] !== pattern;
    });
    expect(wrong).toEqual([]);
  });

  test("rounds halfway to even, and just beside halfway to the nearer, at every step between two neighbours", () => {
    const wrong: number[] = [];
    for (let pattern = 0; pattern < infinityPattern - 1; pattern += 1) {
      const low = widened[pattern] ?? 0;
      const middle = (low + (widened[pattern + 1] ?? 0)) / 2;
      const nudge = middle * 2 ** -23 + 2 ** -149;
      const even = pattern + (pattern & 1);
      const found = narrow(Float32Array.of(middle, middle - nudge, middle + nudge, -middle));
      const expected = [even, pattern, pattern + 1, even | 0x8000];
      if (expected.some((value, index) => found[index] !== value)) wrong.push(pattern);
    }
    expect(wrong).toEqual([]);
  });

  test("narrows what is too large to infinity, what is too small to zero, with the sign", () => {
    const largest = widened[infinityPattern - 1] ?? 0;
    const step = largest - (widened[infinityPattern - 2] ?? 0);
    const found = narrow(
      Float32Array.of(largest + step / 2, -(largest + step / 2), largest + step / 2.1, 2 ** -149, -0),
    );
    expect([...found]).toEqual([infinityPattern, infinityPattern | 0x8000, infinityPattern - 1, 0, 0x8000]);
  });

  test("is monotone", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: 0 }), fc.float({ noNaN: true, min: 0 }), (one, other) => {
        const [low = 0, high = 0] = narrow(Float32Array.of(Math.min(one, other), Math.max(one, other)));
        expect(low).toBeLessThanOrEqual(high);
      }),
    );
  });

  test("widens in place from the upper half of the same memory", () => {
    const target = new Float32Array(7);
    const source = new Uint16Array(target.buffer, 14, 7);
    source.set([0x3c00, 0x3f80, 1, 0x8000, 0x7c00, 0x1234, 0xbeef]);
    const expected = new Float32Array(7);
    widen(source.slice(), expected);
    widen(source, target);
    expect(target).toEqual(expected);
  });
});

test("known numbers", () => {
  expect([...narrowToFloat16(Float32Array.of(1, -2, 65504, 65519, 65520, 2 ** -24, 0.1))]).toEqual([
    0x3c00, 0xc000, 0x7bff, 0x7bff, 0x7c00, 0x0001, 0x2e66,
  ]);
  expect([...narrowToBfloat16(Float32Array.of(1, -2, 3.14159274, 0.1, 3.4028234663852886e38))]).toEqual([
    0x3f80, 0xc000, 0x4049, 0x3dcd, 0x7f80,
  ]);
});
