/**
 * A simple model of the time of an update on several machines: what is computed, then what is sent, without any overlap.
 *
 *     time = compute + messages × latency + bytes / bandwidth
 */

export interface Link {
  /** Bytes a second, in each direction. */
  readonly bandwidth: number;
  /** Seconds from one message of a collective operation to the next. */
  readonly latency: number;
}

/** What one update asks of a link, on average. */
export interface Traffic {
  /** Bytes that a rank sends. */
  readonly bytes: number;
  /** Messages that a rank sends, one after the other. */
  readonly messages: number;
}

/** Numbers of a bucket, as the optimiser cuts all parameters. */
const BUCKET_LENGTH = 2 ** 22;

/** Bytes on the wire for one of the content: headers of Ethernet, IP and TCP around 1448 of 1538 bytes. */
export const FRAMING = 1538 / 1448;

/**
 * Of one update among so many ranks: each bucket is reduced and gathered in `ranks - 1` messages each; with local updates what is
 * exchanged is three times as much, once in `localSteps`. Ranks tell each other a few numbers twice an update: the loss and the norm, and
 * whether to stop.
 * @param bytes that a rank sends for an update, as `bytesAnUpdate` says
 */
export function trafficOf(bytes: number, parameters: number, ranks: number, localSteps: number): Traffic {
  const buckets = Math.ceil((parameters * (localSteps === 1 ? 1 : 3)) / BUCKET_LENGTH);
  return { bytes, messages: ((2 * buckets + 2) * (ranks - 1)) / localSteps };
}

/** Seconds of an update. */
export function predicted(compute: number, { bytes, messages }: Traffic, { bandwidth, latency }: Link): number {
  return compute + messages * latency + (bytes * FRAMING) / bandwidth;
}
