/** What is made when it is first asked for, by a key, and kept. What could not be made is tried again the next time. */
export class Memo<Value> {
  readonly #values = new Map<string, Promise<Value>>();

  get(key: string, make: () => Promise<Value>): Promise<Value> {
    const existing = this.#values.get(key);
    if (existing !== undefined) return existing;
    const made = make();
    this.#values.set(key, made);
    made.catch(() => {
      if (this.#values.get(key) === made) this.#values.delete(key);
    });
    return made;
  }

  /** Forgets all, and gives what was made of it. */
  async drain(): Promise<Value[]> {
    const making = [...this.#values.values()];
    this.#values.clear();
    return (await Promise.allSettled(making)).flatMap((made) => (made.status === "fulfilled" ? [made.value] : []));
  }
}
