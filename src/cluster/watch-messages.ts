/** What the threads that watch over ranks tell each other, a JSON object a line, and what they are told at their start. */

import { z } from "zod";

/** Exit code of ranks that end because another is gone: starting again may help. BSD's EX_TEMPFAIL. */
export const LOST_A_RANK = 75;

/** A rank says who it is, that it lives and how far it is, that it fails, or that it is done. */
export const reportSchema = z.union([
  z.strictObject({ secret: z.string(), rank: z.int() }),
  z.strictObject({ begun: z.int(), ended: z.int(), apart: z.boolean() }),
  z.strictObject({ failed: z.string() }),
  z.strictObject({ done: z.literal(true) }),
]);

/** The first rank says that it lives, or that all end with an exit code. */
export const orderSchema = z.union([z.strictObject({ alive: z.literal(true) }), z.strictObject({ end: z.int() })]);

export type Report = z.infer<typeof reportSchema>;
export type Order = z.infer<typeof orderSchema>;

/** Where the first rank listens. */
export const placeSchema = z.strictObject({
  addresses: z.array(z.string()),
  port: z.int(),
  /** A text that those of this job alone know. */
  secret: z.string(),
});

export type Place = z.infer<typeof placeSchema>;

/** What the thread is started with. */
export interface WatchData {
  readonly rank: number;
  readonly hosts: readonly string[];
  /** What a thread sees of another: see `SEEN`. */
  readonly seen: Int32Array;
  /** The place where the first rank listens; missing in that one. */
  readonly place: Place | undefined;
}

/** What the thread is told by the rank's own: that it fails, or that it is done. */
export type WatchOrder = { readonly failed: string; readonly code: number } | "done";
