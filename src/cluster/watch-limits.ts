/** When a rank counts as lost. All of it is far below half a minute, so that a job without hope ends soon. */

/** Milliseconds between two signs of life. */
export const SIGN_EVERY = 1000;

/** Milliseconds without one after which a rank is gone: stopped, or its machine vanished. */
export const LONGEST_SILENCE = 12_000;

/** Milliseconds until all ranks have reached the first one. */
export const LONGEST_GREETING = 25_000;

/**
 * Milliseconds that the others wait for a rank which lives but does not come; at least, and as a multiple of the longest work of any
 * rank: what took one of them a minute may take a slower one some minutes.
 */
export const [LONGEST_WAIT, LONGEST_WAIT_OF_WORK] = [20_000, 5];

/** How far a rank is, as it says: collective operations begun and ended, and whether it does what others need not do. */
export interface Standing {
  readonly begun: number;
  readonly ended: number;
  readonly apart: boolean;
}

/** Finds a rank that all others wait for in vain. */
export class Stragglers {
  readonly #standings = new Map<number, Standing>();
  /** Since when a rank has been at work between two operations, and the longest that it ever was, in milliseconds. */
  readonly #works = new Map<number, { readonly since: number; readonly longest: number }>();
  /** Since when all others have waited for one. */
  #waiting: { readonly rank: number; readonly since: number } | undefined;

  /** @param now milliseconds of any clock */
  note(rank: number, standing: Standing, now: number): void {
    const before = this.#standings.get(rank);
    this.#standings.set(rank, standing);
    const work = this.#works.get(rank) ?? { since: now, longest: 0 };
    if (before?.begun === standing.begun) return;
    // The time apart is no measure of what a rank needs for its share.
    const longest = before?.apart === true ? work.longest : Math.max(work.longest, now - work.since);
    this.#works.set(rank, { since: now, longest });
  }

  /** A rank that lives, but which all others have waited for too long. */
  lost(size: number, now: number): number | undefined {
    const late = this.#late(size);
    if (late === undefined || this.#waiting?.rank !== late) {
      this.#waiting = late === undefined ? undefined : { rank: late, since: now };
      return undefined;
    }
    const longest = Math.max(...[...this.#works.values()].map((work) => work.longest));
    const limit = Math.max(LONGEST_WAIT, LONGEST_WAIT_OF_WORK * longest);
    return now - this.#waiting.since > limit ? late : undefined;
  }

  /** The one rank that is in no operation while all others are, if it is not at work that they need not do. */
  #late(size: number): number | undefined {
    if (this.#standings.size < size) return undefined;
    const working = [...this.#standings].filter(([, { begun, ended }]) => begun === ended);
    const [[rank, standing] = []] = working;
    return working.length === 1 && standing?.apart === false ? rank : undefined;
  }
}
