/** What a server takes on, at most. */

export interface Limits {
  /** Bytes of a request's body. */
  readonly bytes: number;
  /** Texts that may wait for a slot, or to become tokens, or text. */
  readonly queue: number;
  /** Seconds that an answer may take, up to `LONGEST_SECONDS`. */
  readonly seconds: number;
}

/** Node's timers go no further than 2³¹ - 1 ms: beyond, they fire at once. */
export const LONGEST_SECONDS = 2_147_483;
