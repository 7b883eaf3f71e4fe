/** Time as it passes for a process: while that is stopped it hears nobody, and is heard by nobody. */

import { LONGEST_SILENCE } from "./watch-limits.ts";

/** Milliseconds without a look at the clock, which come every second, that a process was stopped for; half of what others grant it. */
const LONGEST_GAP = LONGEST_SILENCE / 2;

/**
 * A clock that stands still while its process is stopped, by SIGSTOP, `scontrol suspend` or `docker pause`: where all were stopped together,
 * none is late for that. It has to be looked at every second.
 */
export class WakingClock {
  readonly #onStop: (lasted: number) => void;
  readonly #time: () => number;
  #seen: number;
  #now = 0;
  #stop: { readonly at: number; readonly lasted: number } | undefined;

  /**
   * @param onStop is told, once it is over, for how many milliseconds the process was stopped
   * @param time milliseconds of a clock that goes on. Default: the system's
   */
  constructor(onStop: (lasted: number) => void, time = () => performance.now()) {
    this.#onStop = onStop;
    this.#time = time;
    this.#seen = time();
  }

  /** Milliseconds in which the process was not stopped. */
  now(): number {
    const time = this.#time();
    const gap = time - this.#seen;
    this.#seen = time;
    if (gap > LONGEST_GAP) {
      this.#stop = { at: this.#now, lasted: gap };
      this.#onStop(gap);
    } else this.#now += gap;
    return this.#now;
  }

  /** For how many milliseconds the process was stopped, if that was so short a time ago that others may be lost for it. */
  lastStop(): number | undefined {
    const now = this.now();
    return this.#stop !== undefined && now - this.#stop.at < 2 * LONGEST_SILENCE ? this.#stop.lasted : undefined;
  }
}
