/** A line at the foot of a terminal that is redrawn, with plain lines above it. Where no terminal watches, only those. */

import { clearLine, cursorTo } from "node:readline";
import { note } from "./output.ts";

export class Bar {
  readonly #stream: NodeJS.WriteStream;
  /** What the line says; undefined while there is none. */
  #text: string | undefined;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
  }

  /** Whether a terminal watches. */
  get isShown(): boolean {
    return this.#stream.isTTY;
  }

  start(text: string): void {
    this.show(text);
  }

  show(text: string): void {
    this.#text = text;
    this.#draw();
  }

  /** A line above the bar. */
  line(text: string): void {
    this.#clear();
    note(text);
    this.#draw();
  }

  stop(): void {
    this.#clear();
    this.#text = undefined;
  }

  /** The text goes over what was there, then spaces to the end of the line, so that nothing flickers. */
  #draw(): void {
    if (!this.isShown || this.#text === undefined) return;
    cursorTo(this.#stream, 0);
    // A line that wraps could not be cleared again.
    this.#stream.write([...this.#text].slice(0, this.#stream.columns - 1).join(""));
    clearLine(this.#stream, 1);
  }

  #clear(): void {
    if (!this.isShown || this.#text === undefined) return;
    cursorTo(this.#stream, 0);
    clearLine(this.#stream, 0);
  }
}
