/** Whole numbers by pairs of whole numbers, all from 0 to 2^31 - 1: a hash table in typed arrays, for millions of look-ups. */
export class PairTable {
  #left: Int32Array;
  #right: Int32Array;
  #values: Int32Array;
  #size = 0;

  /** @param expected how many pairs there will be; more make it grow. */
  constructor(expected = 8) {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(16, 2 * expected)));
    this.#left = new Int32Array(capacity).fill(-1);
    this.#right = new Int32Array(capacity);
    this.#values = new Int32Array(capacity);
  }

  /** The number of a pair, -1 where it has none. */
  get(left: number, right: number): number {
    const place = this.#placeOf(left, right);
    return this.#left[place] === -1 ? -1 : (this.#values[place] ?? -1);
  }

  set(left: number, right: number, value: number): void {
    const place = this.#placeOf(left, right);
    if (this.#left[place] === -1) this.#size++;
    this.#left[place] = left;
    this.#right[place] = right;
    this.#values[place] = value;
    if (2 * this.#size > this.#left.length) this.#grow();
  }

  /** The place in the table where a pair is, or would be. */
  #placeOf(left: number, right: number): number {
    const mask = this.#left.length - 1;
    const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    let place = (mixed ^ (mixed >>> 15)) & mask;
    while (this.#left[place] !== -1 && (this.#left[place] !== left || this.#right[place] !== right)) {
      place = (place + 1) & mask;
    }
    return place;
  }

  #grow(): void {
    const [lefts, rights, values] = [this.#left, this.#right, this.#values];
    const capacity = 2 * lefts.length;
    this.#left = new Int32Array(capacity).fill(-1);
    this.#right = new Int32Array(capacity);
    this.#values = new Int32Array(capacity);
    for (const [index, left] of lefts.entries()) {
      if (left === -1) continue;
      const right = rights[index] ?? 0;
      const place = this.#placeOf(left, right);
      this.#left[place] = left;
      this.#right[place] = right;
      this.#values[place] = values[index] ?? 0;
    }
  }
}
