/** A line at the foot of a terminal that is redrawn, with plain lines above it. Where no terminal watches, only those. */

import ora, { type Ora } from "ora";
import { note } from "./output.ts";

export class Bar {
  readonly #bar: Ora | undefined;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#bar = stream.isTTY ? ora({ stream, discardStdin: false }) : undefined;
  }

  /** Whether a terminal watches. */
  get isShown(): boolean {
    return this.#bar !== undefined;
  }

  start(text: string): void {
    this.#bar?.start(text);
  }

  show(text: string): void {
    if (this.#bar !== undefined) this.#bar.text = text;
  }

  /** A line above the bar. */
  line(text: string): void {
    this.#bar?.clear();
    note(text);
    this.#bar?.render();
  }

  stop(): void {
    this.#bar?.stop();
  }
}
