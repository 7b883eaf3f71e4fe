/** What the routes share. */

import { ApiError, ClientGone } from "./api-error.ts";
import type { ServedModel } from "./completion.ts";
import type { Metrics } from "./metrics.ts";
import type { Scheduler } from "./scheduler.ts";

export interface Limits {
  /** Of a request's body. */
  readonly bytes: number;
  /** Texts that may wait for a slot. */
  readonly queue: number;
  /** For an answer. */
  readonly seconds: number;
}

export interface Service {
  readonly model: ServedModel;
  readonly scheduler: Scheduler;
  readonly metrics: Metrics;
  readonly limits: Limits;
  /** Whether the server is about to end, and takes no more requests. */
  draining(): boolean;
  /** What the client is told of an error. What is a fault of ours is noted, and told without its text. */
  failure(error: unknown): ApiError;
}

/** What to tell a client of an error. */
export function failureOf(error: unknown, note: (text: string) => void): ApiError {
  if (error instanceof ApiError) return error;
  if (!(error instanceof ClientGone)) note(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return new ApiError(500, "the server failed to answer");
}
