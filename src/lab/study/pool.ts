/** Things that one user at a time can have, such as devices. */
export class Pool<Item> {
  readonly #free: Item[];
  readonly #waiting: ((item: Item) => void)[] = [];

  constructor(items: readonly Item[]) {
    this.#free = [...items];
  }

  /** Calls `use` with an item as soon as one is free; first come, first served. */
  async use<Result>(use: (item: Item) => Promise<Result>): Promise<Result> {
    const item = this.#free.pop() ?? (await new Promise<Item>((resolve) => this.#waiting.push(resolve)));
    try {
      return await use(item);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(item);
      else next(item);
    }
  }
}
