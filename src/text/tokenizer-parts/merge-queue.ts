/** Positions are below this, ranks below 2^24, so that both fit into one number. */
const POSITIONS = 2 ** 29;

/** Merges to be made, the one of the lowest rank first, and of one rank the leftmost: a heap in a typed array. */
export class MergeQueue {
  #entries = new Float64Array(64);
  #length = 0;

  push(rank: number, position: number): void {
    if (this.#length === this.#entries.length) {
      const larger = new Float64Array(2 * this.#length);
      larger.set(this.#entries);
      this.#entries = larger;
    }
    const entries = this.#entries;
    const entry = rank * POSITIONS + position;
    let index = this.#length++;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = entries[parent] ?? 0;
      if (above <= entry) break;
      entries[index] = above;
      index = parent;
    }
    entries[index] = entry;
  }

  /** Takes the first out; `undefined` where there is none. */
  pop(): { readonly rank: number; readonly position: number } | undefined {
    if (this.#length === 0) return;
    const top = this.#entries[0] ?? 0;
    const last = this.#entries[--this.#length] ?? 0;
    this.#sink(last);
    const rank = Math.floor(top / POSITIONS);
    return { rank, position: top - rank * POSITIONS };
  }

  /** Puts an entry in the place of the top, below those that come before it. */
  #sink(entry: number): void {
    const entries = this.#entries;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.#length) break;
      if (child + 1 < this.#length && (entries[child + 1] ?? 0) < (entries[child] ?? 0)) child++;
      const below = entries[child] ?? 0;
      if (below >= entry) break;
      entries[index] = below;
      index = child;
    }
    entries[index] = entry;
  }
}
