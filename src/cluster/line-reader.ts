/** Lines of a stream that comes in pieces. */

import { StringDecoder } from "node:string_decoder";

export class LineReader {
  readonly #onLine: (line: string) => void;
  /** Keeps a character that is cut at the end of a piece. */
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Characters that have come of a line whose end has not. */
  get unfinished(): number {
    return this.#rest.length;
  }

  read(chunk: Buffer | string): void {
    this.#take(this.#decoder.write(chunk));
  }

  /** The stream has ended, perhaps in the midst of a line. */
  end(): void {
    this.#take(this.#decoder.end());
    if (this.#rest !== "") this.#onLine(this.#rest);
    this.#rest = "";
  }

  #take(text: string): void {
    // What has come before is not looked through again.
    const [first = "", ...others] = text.split("\n");
    const lines = [this.#rest + first, ...others];
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#onLine(line);
  }
}
