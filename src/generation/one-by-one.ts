/** Work that is done one after the other, in the order in which it was asked for. */
export class OneByOne {
  #last: Promise<unknown> = Promise.resolve();

  /** Does some work once all before it has ended, well or not. */
  take<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
