/** When ranks count as lost. One alone does so far below half a minute, so that a job without hope ends soon. */

import { isDeepStrictEqual } from "node:util";

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

/**
 * Milliseconds in which no rank goes on, at least, where several do not come, or none comes out of an operation: what one of them
 * waits for may be long before the slowest, and what is sent over a slow network takes its time.
 */
export const LONGEST_STANDSTILL = 600_000;

/** How far a rank is, as it says: collective operations begun and ended, and whether it does what others need not do. */
export interface Standing {
  readonly begun: number;
  readonly ended: number;
  readonly apart: boolean;
}

/** Finds ranks that others wait for in vain. */
export class Stragglers {
  readonly #standings = new Map<number, Standing>();
  /** Since when a rank has been at work between two operations, and the longest that it ever was, in milliseconds. */
  readonly #works = new Map<number, { readonly since: number; readonly longest: number }>();
  /** When any rank has last gone on. */
  #moved = 0;

  /** @param now milliseconds of any clock */
  note(rank: number, standing: Standing, now: number): void {
    const before = this.#standings.get(rank);
    this.#standings.set(rank, standing);
    if (!isDeepStrictEqual(before, standing)) this.#moved = now;
    const work = this.#works.get(rank) ?? { since: now, longest: 0 };
    if (before?.begun === standing.begun) return;
    // The time apart is no measure of what a rank needs for its share.
    const longest = before?.apart === true ? work.longest : Math.max(work.longest, now - work.since);
    this.#works.set(rank, { since: now, longest });
  }

  /** Ranks that live, but which all others have waited for too long; none where all wait for one another. */
  lost(size: number, now: number): readonly number[] | undefined {
    const late = this.#late(size);
    if (late === undefined) return undefined;
    const longest = Math.max(...[...this.#works.values()].map((work) => work.longest));
    const least = late.length === 1 ? LONGEST_WAIT : LONGEST_STANDSTILL;
    return now - this.#moved > Math.max(least, LONGEST_WAIT_OF_WORK * longest) ? late : undefined;
  }

  /** Those that are in no operation while others are, unless one of them is at work that others need not do. */
  #late(size: number): readonly number[] | undefined {
    if (this.#standings.size < size) return undefined;
    const working = [...this.#standings].filter(([, { begun, ended }]) => begun === ended);
    if (working.length === size || working.some(([, { apart }]) => apart)) return undefined;
    return working.map(([rank]) => rank).toSorted((one, other) => one - other);
  }
}

/** What is said of the ranks that `Stragglers` finds, by their names. */
export function lateness(late: readonly string[]): string {
  if (late.length === 0)
    return `the ranks wait for one another: none has gone on for ${LONGEST_STANDSTILL / 60_000} minutes`;
  const [verb, whom] = late.length === 1 ? ["does", "it"] : ["do", "them"];
  return `${late.join(", ")} ${verb} not go on, and all others wait for ${whom}`;
}
