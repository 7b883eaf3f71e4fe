import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Random } from "../src/random.ts";

/** xoshiro128** on 64-bit-safe integers, as the paper's reference prints it. */
function referenceWords(state: [bigint, bigint, bigint, bigint], count: number): number[] {
  const mask = 0xffffffffn;
  const rotate = (word: bigint, bits: bigint) => ((word << bits) | (word >> (32n - bits))) & mask;
  const words: number[] = [];
  for (let draw = 0; draw < count; draw++) {
    words.push(Number((rotate((state[1] * 5n) & mask, 7n) * 9n) & mask));
    const shifted = (state[1] << 9n) & mask;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate(state[3], 11n);
  }
  return words;
}

describe("Random", () => {
  it("is xoshiro128**", () => {
    const random = Random.fromState([1, 2, 3, 4]);
    const words = Array.from({ length: 100 }, () => random.uint32());
    expect(words.slice(0, 4)).toEqual([11520, 0, 5927040, 70819200]);
    expect(words).toEqual(referenceWords([1n, 2n, 3n, 4n], 100));
  });

  it("draws the same on every machine", () => {
    const random = Random.from("batch", 1337, 0);
    expect([random.uint32(), random.uint32(), random.uniform(), random.integer(1000), random.normal()]).toEqual([
      3805566112, 1225155383, 0.3800061989252518, 27, -0.43877024257492486,
    ]);
  });

  it("has a stream for each combination of keys", () => {
    const combinations = [
      [],
      [0],
      [1],
      ["1"],
      [0, 1],
      [1, 0],
      ["ab", "c"],
      ["a", "bc"],
      ["abc"],
      [0.5],
      [2 ** 40],
      [-1],
    ];
    const first = combinations.map((keys) => Random.from(...keys).uint32());
    expect(new Set(first).size).toBe(combinations.length);
    expect(Random.from(-0).uint32()).toBe(Random.from(0).uint32());
  });

  it("has unrelated streams for neighbouring seeds", () => {
    const count = 20_000;
    let bits = 0;
    for (let seed = 0; seed < count; seed++) {
      let difference = Random.from(seed).uint32() ^ Random.from(seed + 1).uint32();
      for (; difference !== 0; difference &= difference - 1) {
        bits++;
      }
    }
    expect(bits / count).toBeCloseTo(16, 0.7); // half of the 32 bits: standard error 0.02
  });

  it("is uniform in [0, 1)", () => {
    const random = Random.from("uniform", 1);
    const count = 1_000_000;
    const bins = new Float64Array(64);
    let sum = 0;
    for (let draw = 0; draw < count; draw++) {
      const value = random.uniform();
      sum += value;
      const bin = Math.floor(value * 64);
      bins[bin] = (bins[bin] ?? 0) + 1;
    }
    expect(Math.abs(sum / count - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / count));
    const expected = count / 64;
    const chiSquare = bins.reduce((total, seen) => total + (seen - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeLessThan(63 + 4 * Math.sqrt(2 * 63));
  });

  it("is normal with mean 0 and variance 1", () => {
    const random = Random.from("normal", 2);
    const count = 1_000_000;
    const moments = [0, 0, 0, 0];
    for (let draw = 0; draw < count; draw++) {
      const value = random.normal();
      moments.forEach((moment, power) => {
        moments[power] = moment + value ** (power + 1) / count;
      });
    }
    const expected = [0, 1, 0, 3];
    const variances = [1, 2, 15, 96]; // of the first four powers of one draw
    for (const [power, moment] of moments.entries()) {
      const error = Math.abs(moment - (expected[power] ?? Number.NaN));
      expect(error).toBeLessThan(4 * Math.sqrt((variances[power] ?? Number.NaN) / count));
    }
  });

  it("draws whole numbers below the bound, each as often", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (seed, bound) => {
        const value = Random.from(seed).integer(bound);
        return Number.isInteger(value) && value >= 0 && value < bound;
      }),
    );
    const random = Random.from("integer");
    const counts = [0, 0, 0];
    for (let draw = 0; draw < 300_000; draw++) {
      const value = random.integer(3);
      counts[value] = (counts[value] ?? 0) + 1;
    }
    for (const count of counts) {
      expect(Math.abs(count - 100_000)).toBeLessThan(4 * Math.sqrt((300_000 * 2) / 9));
    }
    expect(random.integer(1)).toBe(0);
    // Above 2^32 the upper bits vary too.
    expect(Array.from({ length: 20 }, () => random.integer(2 ** 50)).some((value) => value > 2 ** 48)).toBe(true);
  });

  it("refuses bounds and states that have no meaning", () => {
    for (const bound of [0, -1, 1.5, Number.NaN, 2 ** 53]) {
      expect(() => Random.from(0).integer(bound)).toThrow(RangeError);
    }
    expect(() => Random.fromState([0, 0, 0, 2 ** 32])).toThrow("A Random cannot start from four zeros");
  });
});
