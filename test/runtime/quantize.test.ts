import fc from "fast-check";
import { expect, it } from "vitest";
import { quantizeMatrix } from "../../src/runtime/index.ts";
import { at, normal } from "../support/values.ts";

/** The weights [N, K] that codes and scales stand for. */
function dequantized(
  codes: Uint8Array,
  scales: Float32Array,
  [n, k]: readonly [number, number],
  bits: number,
  block: number,
) {
  const blocks = Math.ceil(k / block);
  const bytes = (block * bits) / 8;
  return Array.from({ length: n }, (_, row) =>
    Array.from({ length: k }, (_, column) => {
      const index = row * blocks + Math.floor(column / block);
      const place = column % block;
      const byte = at([...codes], index * bytes + (bits === 8 ? place : place >> 1));
      const code = bits === 8 ? byte : (byte >> (4 * (place % 2))) & 15;
      return at([...scales], index) * (code - 2 ** (bits - 1));
    }),
  );
}

it.each([4, 8] as const)("rounds to %i bits within a step of the block's scale, either way the weights lie", (bits) => {
  const size = fc.integer({ min: 1, max: 40 });
  fc.assert(
    fc.property(size, size, fc.constantFrom(16, 32), fc.boolean(), (n, k, block, transposed) => {
      const weights = Float32Array.from(normal(`${n} ${k}`, [n, k]).data);
      const lying = transposed
        ? Float32Array.from({ length: n * k }, (_, i) => at([...weights], (i % n) * k + Math.floor(i / n)))
        : weights;
      const shape = transposed ? ([k, n] as const) : ([n, k] as const);
      const { codes, scales } = quantizeMatrix(lying, { shape, transposed }, { bits, block });
      const found = dequantized(codes, scales, [n, k], bits, block);
      const blocks = Math.ceil(k / block);
      for (let row = 0; row < n; row++) {
        for (let column = 0; column < k; column++) {
          const step = Math.abs(at([...scales], row * blocks + Math.floor(column / block)));
          const error = Math.abs(at(found[row] ?? [], column) - at([...weights], row * k + column));
          // Half a step, or one where the largest number of the other sign has no code.
          expect(error).toBeLessThanOrEqual(step * 1.0001);
        }
      }
    }),
    { numRuns: 20 },
  );
});

it("keeps a block's number of largest magnitude, and zeros", () => {
  const weights = Float32Array.from({ length: 32 }, (_, i) => (i < 16 ? i / 10 : 0));
  const { codes, scales } = quantizeMatrix(weights, { shape: [1, 32], transposed: false }, { bits: 4, block: 16 });
  expect([...scales]).toEqual([Math.fround(-1.5 / 8), -0]);
  const found = dequantized(codes, scales, [1, 32], 4, 16)[0] ?? [];
  expect(found[15]).toBeCloseTo(1.5, 6);
  expect(found.slice(16).map(Math.abs)).toEqual(Array(16).fill(0));
});
