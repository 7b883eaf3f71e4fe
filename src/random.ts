/** Seeded random numbers that are the same on every machine and do not depend on what was drawn before elsewhere. */

const TWO_TO_32 = 2 ** 32;
const TWO_TO_53 = 2 ** 53;

/** Scrambles 32 bits, one to one: the finaliser of MurmurHash3. */
function mix(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return word ^ (word >>> 16);
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** The 32-bit words of one key, led by a tag, so that 1 and "1", or "ab", "c" and "a", "bc", stay apart. */
function wordsOf(key: number | string): number[] {
  if (typeof key === "string") {
    return [0x73747200, key.length, ...Array.from({ length: key.length }, (_, index) => key.charCodeAt(index))];
  }
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, key === 0 ? 0 : key); // -0 is the same key as 0
  return [0x6e756d00, view.getInt32(0), view.getInt32(4)];
}

/**
 * A stream of random numbers: xoshiro128** (Blackman and Vigna, 2018), period 2^128 - 1.
 *
 * `Random.from("batch", seed, step)` hashes its keys to the 128 bits of state, so that each combination of keys has its
 * own stream: nothing need be saved to draw the same numbers again after a resumed run. Not for secrets.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;
  /** The second of the pair that the polar method yields, kept for the next call. */
  #spareNormal: number | undefined;

  private constructor(a: number, b: number, c: number, d: number) {
    this.#a = a;
    this.#b = b;
    this.#c = c;
    this.#d = d;
  }

  /** The stream of these keys. Numbers and strings are told apart; their order counts. */
  static from(...keys: readonly (number | string)[]): Random {
    let [a, b, c, d] = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344]; // π, so that no choice hides in them
    const absorb = (word: number): void => {
      a = mix(a ^ word);
      b = mix(b + a);
      c = mix(c ^ b);
      d = mix(d + c);
      a ^= d;
    };
    for (const key of keys) {
      for (const word of wordsOf(key)) {
        absorb(word);
      }
    }
    // Carries the last word into every bit of the state, which the generator forbids to be all zero.
    for (let round = 1; round <= 4; round++) {
      absorb(round);
    }
    return new Random(a, b, c, (a | b | c | d) === 0 ? 1 : d);
  }

  /** Resumes at a state of four 32-bit words, not all zero. */
  static fromState(state: readonly [number, number, number, number]): Random {
    if (state.every((word) => (word | 0) === 0)) {
      throw new RangeError("A Random cannot start from four zeros");
    }
    return new Random(state[0] | 0, state[1] | 0, state[2] | 0, state[3] | 0);
  }

  /** A whole number from 0 to 2^32 - 1. */
  uint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotateLeft(this.#d, 11);
    return result;
  }

  /** A whole number from 0 to 2^53 - 1. */
  #uint53(): number {
    return (this.uint32() >>> 5) * 2 ** 26 + (this.uint32() >>> 6);
  }

  /** A number in [0, 1), a multiple of 2^-53. */
  uniform(): number {
    return this.#uint53() / TWO_TO_53;
  }

  /**
   * A whole number from 0 to `bound - 1`, each as likely as the others.
   *
   * @param bound from 1 to 2^53 - 1.
   * @throws RangeError for any other bound.
   */
  integer(bound: number): number {
    if (!Number.isSafeInteger(bound) || bound < 1) {
      throw new RangeError(`Random.integer needs a whole number from 1 to 2^53 - 1, not ${bound}`);
    }
    const range = bound <= TWO_TO_32 ? TWO_TO_32 : TWO_TO_53;
    const fair = range - (range % bound); // draws from here on would favour the small numbers
    let draw: number;
    do {
      draw = range === TWO_TO_32 ? this.uint32() : this.#uint53();
    } while (draw >= fair);
    return draw % bound;
  }

  /** A draw from the normal distribution of mean 0 and standard deviation 1 (Marsaglia's polar method). */
  normal(): number {
    const spare = this.#spareNormal;
    if (spare !== undefined) {
      this.#spareNormal = undefined;
      return spare;
    }
    let x: number;
    let y: number;
    let square: number;
    do {
      x = 2 * this.uniform() - 1;
      y = 2 * this.uniform() - 1;
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const scale = Math.sqrt((-2 * Math.log(square)) / square);
    this.#spareNormal = y * scale;
    return x * scale;
  }
}
