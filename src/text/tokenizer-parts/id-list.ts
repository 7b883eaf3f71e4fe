/** Token ids, one after another, in as little memory as they can be. */
export class IdList {
  #ids = new Uint32Array(64);
  #length = 0;

  push(id: number): void {
    if (this.#length === this.#ids.length) this.#grow(1);
    this.#ids[this.#length++] = id;
  }

  append(ids: Uint32Array): void {
    if (this.#length + ids.length > this.#ids.length) this.#grow(ids.length);
    this.#ids.set(ids, this.#length);
    this.#length += ids.length;
  }

  /** A copy of them. */
  toArray(): Uint32Array {
    return this.#ids.slice(0, this.#length);
  }

  #grow(more: number): void {
    const larger = new Uint32Array(Math.max(2 * this.#ids.length, this.#length + more));
    larger.set(this.#ids);
    this.#ids = larger;
  }
}
