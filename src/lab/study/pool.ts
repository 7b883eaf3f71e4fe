/** Devices for runs that end together: the first error of one ends the others in order, with their checkpoints. */

import { FolderTakenError } from "../../formats/index.ts";

/** Things that one user at a time can have, such as devices. */
export class Pool<Item> {
  readonly #items: readonly Item[];
  readonly #free: Item[];
  readonly #waiting: ((item: Item) => void)[] = [];
  readonly #end = new AbortController();
  readonly #given: AbortSignal | undefined;

  /** @param signal ends the work of `whole`. Default: only an error does */
  constructor(items: readonly Item[], signal?: AbortSignal) {
    this.#items = items;
    this.#free = [...items];
    this.#given = signal;
  }

  /** Aborts where the work is to end: as the signal that was given, or at an error. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Calls `use` with an item as soon as one is free; first come, first served. Undefined where the work is to end. */
  async use<Result>(use: (item: Item) => Promise<Result>): Promise<Result | undefined> {
    if (this.signal.aborted) return undefined;
    const item = await this.#taken();
    try {
      return this.signal.aborted ? undefined : await use(item);
    } catch (error) {
      // Work that another process does is no reason to end; and whoever waits for the item has to see that all is to end.
      if (!(error instanceof FolderTakenError)) this.#end.abort();
      throw error;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(item);
      else next(item);
    }
  }

  /** Does work that uses the items here and there. Where some of it fails, the error is thrown once no item is in use any more. */
  async whole<Result>(work: () => Promise<Result>): Promise<Result> {
    const end = () => this.#end.abort();
    if (this.#given?.aborted) end();
    this.#given?.addEventListener("abort", end);
    try {
      return await work();
    } catch (error) {
      this.#end.abort();
      await Promise.all(this.#items.map(() => this.#taken()));
      throw error;
    } finally {
      this.#given?.removeEventListener("abort", end);
    }
  }

  async #taken(): Promise<Item> {
    return this.#free.pop() ?? (await new Promise<Item>((resolve) => this.#waiting.push(resolve)));
  }
}
