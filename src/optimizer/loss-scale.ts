/**
 * Dynamic loss scaling (arXiv 1710.03740, section 3.2): where products round to float16, the loss is multiplied by a factor,
 * so that small gradients do not round to zero, and the gradients are divided by it afterwards, in float32. Factors are powers
 * of two, which round nothing in float32. It is no part of a checkpoint: a run that is resumed begins with the first factor again.
 */

const FIRST = 2 ** 16;

/** After so many updates without an overflow the factor is doubled. */
const PATIENCE = 2000;

export class LossScale {
  #factor = FIRST;
  #updates = 0;

  get factor(): number {
    return this.#factor;
  }

  /** An update was made. */
  succeeded(): void {
    this.#updates++;
    if (this.#updates < PATIENCE) return;
    this.#factor *= 2;
    this.#updates = 0;
  }

  /** The gradients overflowed: halves the factor. Returns false where it was 1 and did not help; it begins anew then. */
  lower(): boolean {
    this.#updates = 0;
    const helps = this.#factor > 1;
    this.#factor = helps ? this.#factor / 2 : FIRST;
    return helps;
  }
}
