/** Finding stop strings in a text that arrives in pieces. */

/** Lets a text through up to the first stop string. What may yet become one is held back. */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = "";

  /** @param stops not empty strings */
  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Takes the next piece and returns what can be let through, and whether a stop string has come. */
  push(piece: string): { readonly text: string; readonly stopped: boolean } {
    const text = this.#held + piece;
    const found = this.#stops.map((stop) => text.indexOf(stop)).filter((index) => index >= 0);
    if (found.length > 0) {
      this.#held = "";
      return { text: text.slice(0, Math.min(...found)), stopped: true };
    }
    const end = text.length - Math.max(0, ...this.#stops.map((stop) => overlap(text, stop)));
    this.#held = text.slice(end);
    return { text: text.slice(0, end), stopped: false };
  }

  /** Ends the text and returns what was held back. */
  end(): string {
    const rest = this.#held;
    this.#held = "";
    return rest;
  }
}

/** The length of the longest end of a text that is a beginning of a stop string. */
function overlap(text: string, stop: string): number {
  let length = Math.min(text.length, stop.length - 1);
  while (length > 0 && !text.endsWith(stop.slice(0, length))) length--;
  return length;
}
