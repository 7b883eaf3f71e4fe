/** A pair of neighbouring tokens and how often it occurs. */
export interface Pair {
  readonly left: number;
  readonly right: number;
  readonly count: number;
}

/** Marks a place whose token was merged into the one before it, and the end of each word. */
const NOTHING = -1;

/** A pair as one number: the order of these keys is that of the left ids, then of the right ids. */
const LEFT = 2 ** 26;

/**
 * Words as chains of tokens, in which the most frequent pair of neighbours can be found and merged, again and again.
 *
 * All words lie end to end in one array of places, a gap after each. The counts of pairs are kept up to date merge by
 * merge, at the places where the pair occurs alone, so that a merge costs no pass through the text.
 */
export class PairMerger {
  /** The token at each place. */
  readonly #tokens: Int32Array;
  /** The next and the previous place of the chain. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** How often the word of each place occurs. */
  readonly #weights: Float64Array;
  /** How often each pair occurs. */
  readonly #counts = new Map<number, number>();
  /** The places where each pair began when it arose, in ascending order; since then, some may have been merged away. */
  readonly #places = new Map<number, number[]>();
  readonly #heap = new PairHeap();

  /**
   * @param words the tokens of each distinct word, ids below 2^26, and how often it occurs; they are gone through twice, so that they need
   * not be there all at once.
   */
  constructor(words: Iterable<readonly [tokens: ArrayLike<number>, count: number]>) {
    let places = 1;
    for (const [tokens] of words) places += tokens.length + 1;
    this.#tokens = new Int32Array(places).fill(NOTHING);
    this.#next = new Int32Array(places).map((_, place) => place + 1);
    this.#previous = new Int32Array(places).map((_, place) => place - 1);
    this.#weights = new Float64Array(places);
    let place = 1; // after a gap, so that the first token has a neighbour too
    for (const [tokens, count] of words) {
      this.#tokens.set(tokens, place);
      this.#weights.fill(count, place, place + tokens.length);
      place += tokens.length + 1;
    }
    for (let left = 1; left < places - 1; left++) {
      this.#add(left);
    }
    for (const [key, count] of this.#counts) {
      this.#heap.push({ key, count });
    }
  }

  /** Takes the most frequent pair out of the queue; of equally frequent ones, the one of the lowest left, then right id. */
  mostFrequent(): Pair | undefined {
    for (let top = this.#heap.pop(); top !== undefined; top = this.#heap.pop()) {
      const count = this.#counts.get(top.key) ?? 0;
      if (count === top.count) {
        return { left: Math.floor(top.key / LEFT), right: top.key % LEFT, count };
      }
      if (count > 0) {
        this.#heap.push({ key: top.key, count }); // it has lost occurrences since it was queued
      }
    }
    return undefined;
  }

  /** Replaces the pair by one token, whose id must be new, from left to right in every word. */
  merge({ left, right }: Pair, merged: number): void {
    const key = left * LEFT + right;
    const arisen = new Set<number>();
    for (const place of this.#places.get(key) ?? []) {
      const second = this.#next[place] ?? 0;
      if (this.#tokens[place] !== left || this.#tokens[second] !== right) {
        continue; // merged otherwise before, or, as in "aaa", a moment ago
      }
      const previous = this.#previous[place] ?? 0;
      const following = this.#next[second] ?? 0;
      this.#remove(previous);
      this.#remove(second);
      this.#tokens[place] = merged;
      this.#tokens[second] = NOTHING;
      this.#next[place] = following;
      this.#previous[following] = place;
      arisen.add(this.#add(previous)).add(this.#add(place));
    }
    this.#counts.delete(key);
    this.#places.delete(key);
    for (const newKey of arisen) {
      const count = this.#counts.get(newKey) ?? 0;
      if (count > 0) {
        this.#heap.push({ key: newKey, count });
      }
    }
  }

  /** The key of the pair that begins at a place, or NOTHING at the end of a word. */
  #keyAt(place: number): number {
    const left = this.#tokens[place] ?? NOTHING;
    const right = this.#tokens[this.#next[place] ?? 0] ?? NOTHING;
    return left === NOTHING || right === NOTHING ? NOTHING : left * LEFT + right;
  }

  #add(place: number): number {
    const key = this.#keyAt(place);
    if (key !== NOTHING) {
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + (this.#weights[place] ?? 0));
      const places = this.#places.get(key);
      if (places === undefined) {
        this.#places.set(key, [place]);
      } else {
        places.push(place);
      }
    }
    return key;
  }

  #remove(place: number): void {
    const key = this.#keyAt(place);
    if (key !== NOTHING) {
      this.#counts.set(key, (this.#counts.get(key) ?? 0) - (this.#weights[place] ?? 0));
    }
  }
}

interface Entry {
  readonly key: number;
  readonly count: number;
}

/** A binary heap with the greatest count at the top and, of equal counts, the least key. */
class PairHeap {
  readonly #entries: Entry[] = [];

  push(entry: Entry): void {
    const entries = this.#entries;
    let index = entries.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = entries[parent];
      if (above === undefined || !precedes(entry, above)) {
        break;
      }
      entries[index] = above;
      index = parent;
    }
    entries[index] = entry;
  }

  pop(): Entry | undefined {
    const entries = this.#entries;
    const top = entries[0];
    const last = entries.pop();
    if (last !== undefined && entries.length > 0) {
      this.#sink(last);
    }
    return top;
  }

  /** Puts an entry in the place of the top, below those that precede it. */
  #sink(entry: Entry): void {
    const entries = this.#entries;
    let index = 0;
    for (;;) {
      const one = entries[2 * index + 1];
      const other = entries[2 * index + 2];
      const useOther = one !== undefined && other !== undefined && precedes(other, one);
      const child = useOther ? other : one;
      if (child === undefined || !precedes(child, entry)) {
        break;
      }
      entries[index] = child;
      index = 2 * index + (useOther ? 2 : 1);
    }
    entries[index] = entry;
  }
}

function precedes(one: Entry, other: Entry): boolean {
  return one.count > other.count || (one.count === other.count && one.key < other.key);
}
